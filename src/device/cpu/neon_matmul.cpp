// Matrix products with NEON: the dot and matrix products of bf16, and of signed bytes. Narrow codes are exact in
// either. A bf16 product adds pairs to its sum, rounding to odd and taking denormals as zero (docs/numerics.md has the
// bound); a block's sum of integers is exact. One token: codes are looked up in registers and used at once, by dot
// products. More: a few blocks are decoded into the first-level cache and used for a group of tokens, by products of
// two rows and two tokens.
#include "device/cpu/neon.h"
#include "device/cpu/neon_products.h"

namespace nibble::device::cpu {
namespace {

// One sum a row, its columns in order (of a scaled storage: its blocks, and a block's columns), however many tokens
// there are: a token's result never depends on its neighbours.
template <typename Product, Storage kStorage>
void one_token(const PanelMatrix& w, const OperandTile& x, int panel, Array out) {
  constexpr bool kScaled = is_scaled(kStorage);
  float32x4_t totals[4];
  typename Product::Sum sums[4];
  for (int v = 0; v < 4; ++v) {
    totals[v] = vdupq_n_f32(0);
    sums[v] = Product::zero();
  }
  const std::byte* codes = w.codes(panel);
  const std::byte* scale_codes = w.scales(panel);
  const std::uint32_t* word = x.words;
  for (int b = 0; b < w.n_blocks; ++b, codes += w.block_code_bytes, scale_codes += w.block_scale_bytes) {
    for (int step = 0; step < Product::kSteps; ++step, word += 2) {
      const uint8x16_t first = vreinterpretq_u8_u32(vld1q_dup_u32(word));
      const uint8x16_t second = vreinterpretq_u8_u32(vld1q_dup_u32(word + 1));
      for (int v = 0; v < 4; ++v) {
        uint8x16_t words[2];
        Product::template decode<kStorage>(codes, step, v, words);
        sums[v] = Product::dot(Product::dot(sums[v], words[0], first), words[1], second);
      }
    }
    if constexpr (kScaled) {
      float32x4_t scales[4];
      decode_scales<kStorage>(scale_codes, scales);
      float32x4_t input = {};
      if constexpr (Product::kScaledInput) input = vdupq_n_f32(x.scales[b]);
      for (int v = 0; v < 4; ++v) {
        totals[v] = Product::scaled(totals[v], sums[v], scales[v], input);
        sums[v] = Product::zero();
      }
    }
  }
  for (int v = 0; v < 4; ++v) {
    if constexpr (kScaled) {
      store(w, panel * kPanelRows + 4 * v, totals[v], out.row(x.first));
    } else {
      store(w, panel * kPanelRows + 4 * v, sums[v], out.row(x.first));
    }
  }
}

constexpr int kChunkBlocks = 8;   // decoded at a time: 4 KiB of bf16, and 1 of scales
constexpr int kGroupTokens = 64;  // that share a decoded chunk: 4 KiB of sums
constexpr int kTokensAtOnce = 4;  // with eight rows, 8 sums of a block and 8 of a row fill half of the registers
constexpr int kRowPairs = kPanelRows / 2;

// For two rows and two tokens: r0 t0, r0 t1, r1 t0, r1 t1.
using Sums = float32x4_t[kRowPairs];

// The words of two groups of columns of two rows, side by side, and scales twice.
template <typename Product>
struct Chunk {
  uint8x16_t words[kChunkBlocks][Product::kSteps][kRowPairs];
  float32x4_t scales[kChunkBlocks][kRowPairs];
  int begin = 0, end = 0;
};

uint8x16_t zip_low(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
uint8x16_t zip_high(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}

template <typename Product, Storage kStorage>
void decode_chunk(const PanelMatrix& w, int panel, int begin, Chunk<Product>& chunk) {
  chunk.begin = begin;
  chunk.end = w.n_blocks - begin < kChunkBlocks ? w.n_blocks : begin + kChunkBlocks;
  for (int b = begin; b < chunk.end; ++b) {
    const std::byte* codes = w.codes(panel) + std::size_t(b) * w.block_code_bytes;
    for (int step = 0; step < Product::kSteps; ++step) {
      for (int v = 0; v < 4; ++v) {
        uint8x16_t words[2];
        Product::template decode<kStorage>(codes, step, v, words);
        chunk.words[b - begin][step][2 * v] = zip_low(words[0], words[1]);
        chunk.words[b - begin][step][2 * v + 1] = zip_high(words[0], words[1]);
      }
    }
    if constexpr (is_scaled(kStorage)) {
      float32x4_t scales[4];
      decode_scales<kStorage>(w.scales(panel) + std::size_t(b) * w.block_scale_bytes, scales);
      for (int v = 0; v < 4; ++v) {
        chunk.scales[b - begin][2 * v] = vzip1q_f32(scales[v], scales[v]);
        chunk.scales[b - begin][2 * v + 1] = vzip2q_f32(scales[v], scales[v]);
      }
    }
  }
}

// Of two neighbouring tokens; of one twice, where the last of a tile is alone.
uint8x16_t load_pair(const std::uint32_t* words, bool alone) {
  const uint32x2_t two = alone ? vld1_dup_u32(words) : vld1_u32(words);
  return vreinterpretq_u8_u32(vcombine_u32(two, vdup_n_u32(0)));
}
float32x4_t load_pair(const float* scales, bool alone) {
  const float32x2_t two = alone ? vld1_dup_f32(scales) : vld1_f32(scales);
  return vcombine_f32(two, two);
}

// sums[token pair] += weights x for four row pairs, from `first_pair` on, and kTokens tokens of a tile.
template <typename Product, bool kScaled, int kTokens>
void multiply(const Chunk<Product>& chunk, int first_pair, const OperandTile& x, int first_token, Sums* sums) {
  constexpr int kPairs = (kTokens + 1) / 2, kRows = 4;
  constexpr bool kOdd = kTokens % 2 == 1;
  float32x4_t total[kPairs][kRows];
  typename Product::Sum sum[kPairs][kRows];
  for (int t = 0; t < kPairs; ++t) {
    for (int r = 0; r < kRows; ++r) {
      total[t][r] = sums[t][first_pair + r];
      if constexpr (!kScaled) sum[t][r] = total[t][r];
    }
  }
  const std::uint32_t* word = x.words + std::ptrdiff_t(chunk.begin) * Product::kSteps * 2 * x.n + first_token;
  for (int b = 0; b < chunk.end - chunk.begin; ++b) {
    if constexpr (kScaled)
      for (auto& of_tokens : sum)
        for (auto& s : of_tokens) s = Product::zero();
    for (int step = 0; step < Product::kSteps; ++step, word += 2 * x.n) {
      const uint8x16_t* weights = chunk.words[b][step] + first_pair;
      for (int t = 0; t < kPairs; ++t) {
        const bool alone = kOdd && t == kPairs - 1;
        const uint8x16_t input = zip_low(load_pair(word + 2 * t, alone), load_pair(word + x.n + 2 * t, alone));
        for (int r = 0; r < kRows; ++r) sum[t][r] = Product::mmla(sum[t][r], weights[r], input);
      }
    }
    if constexpr (kScaled) {
      for (int t = 0; t < kPairs; ++t) {
        float32x4_t input = {};
        if constexpr (Product::kScaledInput)
          input = load_pair(x.scales + std::ptrdiff_t(chunk.begin + b) * x.n + first_token + 2 * t,
                            kOdd && t == kPairs - 1);
        for (int r = 0; r < kRows; ++r)
          total[t][r] = Product::scaled(total[t][r], sum[t][r], chunk.scales[b][first_pair + r], input);
      }
    }
  }
  for (int t = 0; t < kPairs; ++t) {
    for (int r = 0; r < kRows; ++r) {
      if constexpr (kScaled) {
        sums[t][first_pair + r] = total[t][r];
      } else {
        sums[t][first_pair + r] = sum[t][r];
      }
    }
  }
}

// Calls f with a constant 1 .. kMost that equals n, or kMost where n is more.
template <int kMost, typename F>
void with_constant(int n, const F& f) {
  if constexpr (kMost > 1)
    if (n < kMost) return with_constant<kMost - 1>(n, f);
  f.template operator()<kMost>();
}

template <typename Product, Storage kStorage>
void token_group(const PanelMatrix& w, const Operand& x, int panel, int first_token, int n_tokens, Array out) {
  Chunk<Product> chunk;
  Sums sums[kGroupTokens / 2];
  for (int t = 0; t < (n_tokens + 1) / 2; ++t)
    for (float32x4_t& sum : sums[t]) sum = vdupq_n_f32(0);
  for (int begin = 0; begin < w.n_blocks; begin += kChunkBlocks) {
    decode_chunk<Product, kStorage>(w, panel, begin, chunk);
    for (int t = 0; t < n_tokens; t += kTokensAtOnce) {
      const OperandTile tile = tile_of(x, (first_token + t) / kTileTokens * kTileTokens);
      with_constant<kTokensAtOnce>(n_tokens - t, [&]<int kTokens>() {
        for (int first_pair = 0; first_pair < kRowPairs; first_pair += 4)
          multiply<Product, is_scaled(kStorage), kTokens>(chunk, first_pair, tile, t % kTileTokens, sums + t / 2);
      });
    }
  }
  for (int t = 0; t < n_tokens; ++t) {
    for (int v = 0; v < 4; ++v) {
      const float32x4_t a = sums[t / 2][2 * v], b = sums[t / 2][2 * v + 1];
      store(w, panel * kPanelRows + 4 * v, t % 2 == 0 ? vuzp1q_f32(a, b) : vuzp2q_f32(a, b), out.row(first_token + t));
    }
  }
}

// A group of tokens at a time: its activations stay in the second-level cache while the panels go by.
template <typename Product, Storage kStorage>
void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if (x.n_tokens == 1) {
    for (int panel = panel_begin; panel < panel_end; ++panel)
      one_token<Product, kStorage>(w, tile_of(x, 0), panel, out);
    return;
  }
  for (int t = 0; t < x.n_tokens; t += kGroupTokens) {
    const int n_tokens = x.n_tokens - t < kGroupTokens ? x.n_tokens - t : kGroupTokens;
    for (int panel = panel_begin; panel < panel_end; ++panel)
      token_group<Product, kStorage>(w, x, panel, t, n_tokens, out);
  }
}

// kF32 weights, [n_cols][16 rows], on the f32 form of the input: a few small matrices of a model at most.
void matmul_f32(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    const auto* weights = reinterpret_cast<const float*>(w.codes(panel));
    for (int t = 0; t < x.n_tokens; ++t) {
      for (int v = 0; v < 4; ++v) {
        float32x4_t sum = vdupq_n_f32(0);
        for (int k = 0; k < w.n_blocks * kBlockCols; ++k)
          sum = vfmaq_n_f32(sum, vld1q_f32(weights + k * kPanelRows + 4 * v), x.f32[t * x.stride() + k]);
        store(w, panel * kPanelRows + 4 * v, sum, out.row(t));
      }
    }
  }
}

}  // namespace

void neon_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  const bool int8 = x.type == OperandType::kInt8;
  switch (w.storage) {
    case Storage::kF32: return matmul_f32(w, x, panel_begin, panel_end, out);
    case Storage::kBF16: return matmul<Bf16Product, Storage::kBF16>(w, x, panel_begin, panel_end, out);
    case Storage::kFP8: return matmul<Bf16Product, Storage::kFP8>(w, x, panel_begin, panel_end, out);
    case Storage::kNVFP4:
      if (int8) return matmul<Int8Product, Storage::kNVFP4>(w, x, panel_begin, panel_end, out);
      return matmul<Bf16Product, Storage::kNVFP4>(w, x, panel_begin, panel_end, out);
    case Storage::kInt4:
      if (int8) return matmul<Int8Product, Storage::kInt4>(w, x, panel_begin, panel_end, out);
      return matmul<Bf16Product, Storage::kInt4>(w, x, panel_begin, panel_end, out);
  }
}

}  // namespace nibble::device::cpu
