// Matrix products with AVX-512: its bf16 dot product, and VNNI's of bytes. Narrow codes are exact in either, so bf16 products
// are exact in f32 and only sums round (one rounding a product, as with a fused multiply-add, denormals taken as zero;
// docs/numerics.md bounds both), and a block's sum of integers is exact. Up to 8 tokens: codes are looked up in registers
// and used at once, which for one token is bound by memory. More: a few blocks are decoded into the first-level cache and
// used for a group of tokens.
#include "device/cpu/avx512.h"
#include "device/cpu/avx512_decode.h"

namespace nibble::device::cpu {
namespace {

// How a word of weights meets a word of the input, in every lane. A block is kSteps times two words.
struct Bf16Product {
  using Sum = __m512;
  static constexpr int kSteps = 4;
  template <Storage kStorage>
  static void decode(const std::byte* codes, int step, __m512i (&words)[2]) {
    decode_quad<kStorage>(codes, step, words);
  }
  static Sum start(const OperandTile&, int, int) { return _mm512_setzero_ps(); }
  static Sum add(Sum sum, __m512i w, __m512i x) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(w), reinterpret_cast<__m512bh>(x));
  }
  static __m512 scaled(__m512 total, Sum sum, __m512 scales, const OperandTile&, int, int) {
    return _mm512_fmadd_ps(scales, sum, total);
  }
};

struct Int8Product {
  using Sum = __m512i;
  static constexpr int kSteps = 2;
  template <Storage kStorage>
  static void decode(const std::byte* codes, int step, __m512i (&words)[2]) {
    decode_word<kStorage>(codes, step, words);
  }
  static Sum start(const OperandTile& x, int block, int token) {
    return _mm512_set1_epi32(x.offsets[block * x.n + token]);
  }
  static Sum add(Sum sum, __m512i w, __m512i x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static __m512 scaled(__m512 total, Sum sum, __m512 scales, const OperandTile& x, int block, int token) {
    const __m512 both = _mm512_mul_ps(scales, _mm512_set1_ps(x.scales[block * x.n + token]));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), both, total);
  }
};

// Weights as they are stored, kPanels panels from `panel` on.
template <typename Product, Storage kStorage>
struct Stored {
  const PanelMatrix* w;
  int panel;
  void words(int p, int block, int step, __m512i (&out)[2]) const {
    Product::template decode<kStorage>(w->codes(panel + p) + std::size_t(block) * w->block_code_bytes, step, out);
  }
  __m512 scales(int p, int block) const {
    return decode_scales<kStorage>(w->scales(panel + p) + std::size_t(block) * w->block_scale_bytes);
  }
};

constexpr int kChunkBlocks = 16;   // decoded at a time: 16 KiB of bf16 for two panels
constexpr int kGroupTokens = 128;  // that share a decoded chunk: 16 KiB of sums for two panels
constexpr int kPanelsAtOnce = 2;
constexpr int kTokensAtOnce = 4;  // 8 sums of a block and 8 of a row fill half of the registers

template <typename Product>
struct Decoded {
  __m512i codes[kPanelsAtOnce][kChunkBlocks][Product::kSteps][2];
  __m512 scale[kPanelsAtOnce][kChunkBlocks];
  int first_block = 0;
  void words(int p, int block, int step, __m512i (&out)[2]) const {
    for (int i = 0; i < 2; ++i) out[i] = codes[p][block - first_block][step][i];
  }
  __m512 scales(int p, int block) const { return scale[p][block - first_block]; }
};

// sums[panel][token] += weights x for the blocks [begin, end). One sum a row, its columns in order (of a scaled storage: its
// blocks, and a block's columns), however many tokens there are: a token's result never depends on its neighbours. Always
// inline: behind a call, `sums` might be what `x` points to, and each block would store and load them.
template <typename Product, bool kScaled, int kPanels, int kTokens, typename Weights>
[[gnu::always_inline]] inline void multiply(const Weights& weights, int begin, int end, const OperandTile& x,
                                            int first_token, __m512 (&sums)[kPanels][kTokens]) {
  typename Product::Sum sum[kPanels][kTokens];
  if constexpr (!kScaled)
    for (int p = 0; p < kPanels; ++p)
      for (int t = 0; t < kTokens; ++t) sum[p][t] = sums[p][t];
  const std::uint32_t* word = x.words + std::ptrdiff_t(begin) * Product::kSteps * 2 * x.n + first_token;
  for (int b = begin; b < end; ++b) {
    if constexpr (kScaled)
      for (int t = 0; t < kTokens; ++t)
        for (int p = 0; p < kPanels; ++p) sum[p][t] = Product::start(x, b, first_token + t);
    for (int step = 0; step < Product::kSteps; ++step) {
      __m512i codes[kPanels][2];
      for (int p = 0; p < kPanels; ++p) weights.words(p, b, step, codes[p]);
      for (int i = 0; i < 2; ++i, word += x.n) {
        for (int t = 0; t < kTokens; ++t) {
          const __m512i input = _mm512_set1_epi32(int(word[t]));
          for (int p = 0; p < kPanels; ++p) sum[p][t] = Product::add(sum[p][t], codes[p][i], input);
        }
      }
    }
    if constexpr (kScaled) {
      for (int p = 0; p < kPanels; ++p) {
        const __m512 scales = weights.scales(p, b);
        for (int t = 0; t < kTokens; ++t)
          sums[p][t] = Product::scaled(sums[p][t], sum[p][t], scales, x, b, first_token + t);
      }
    }
  }
  if constexpr (!kScaled)
    for (int p = 0; p < kPanels; ++p)
      for (int t = 0; t < kTokens; ++t) sums[p][t] = sum[p][t];
}

// Writes 16 sums, times their row factors, where rows exist.
void store(const PanelMatrix& w, int panel, __m512 sums, float* out) {
  const int first = panel * kPanelRows, left = w.rows - first;
  const __mmask16 rows = __mmask16(left >= kPanelRows ? 0xffff : (1 << left) - 1);
  _mm512_mask_storeu_ps(out + first, rows, _mm512_mul_ps(sums, _mm512_loadu_ps(w.row_factor + first)));
}

// All columns of kPanels panels for all tokens of one tile.
template <typename Product, Storage kStorage, int kPanels, int kTokens>
void few_tokens(const PanelMatrix& w, const OperandTile& x, int panel, Array out) {
  __m512 sums[kPanels][kTokens];
  for (auto& of_panel : sums)
    for (__m512& sum : of_panel) sum = _mm512_setzero_ps();
  multiply<Product, is_scaled(kStorage)>(Stored<Product, kStorage>{&w, panel}, 0, w.n_blocks, x, 0, sums);
  for (int p = 0; p < kPanels; ++p)
    for (int t = 0; t < kTokens; ++t) store(w, panel + p, sums[p][t], out.row(x.first + t));
}

template <typename Product, Storage kStorage, int kTokens>
void few_tokens_of(const PanelMatrix& w, const OperandTile& x, int panel_begin, int panel_end, Array out) {
  constexpr int kPanels = kTokens <= kTokensAtOnce ? kPanelsAtOnce : 1;
  int panel = panel_begin;
  for (; panel + kPanels <= panel_end; panel += kPanels)
    few_tokens<Product, kStorage, kPanels, kTokens>(w, x, panel, out);
  for (; panel < panel_end; ++panel) few_tokens<Product, kStorage, 1, kTokens>(w, x, panel, out);
}

// Calls f with a constant 1 .. kMost that equals n.
template <int kMost, typename F>
void with_constant(int n, const F& f) {
  if constexpr (kMost > 1)
    if (n < kMost) return with_constant<kMost - 1>(n, f);
  f.template operator()<kMost>();
}

template <typename Product, Storage kStorage, int kPanels>
void token_group(const PanelMatrix& w, const Operand& x, int panel, int first_token, int n_tokens, Array out) {
  Decoded<Product> decoded;
  __m512 sums[kGroupTokens / kTokensAtOnce][kPanels][kTokensAtOnce];
  for (auto& tile : sums)
    for (auto& of_panel : tile)
      for (__m512& sum : of_panel) sum = _mm512_setzero_ps();
  const Stored<Product, kStorage> stored = {&w, panel};
  for (int begin = 0; begin < w.n_blocks; begin += kChunkBlocks) {
    const int end = begin + kChunkBlocks < w.n_blocks ? begin + kChunkBlocks : w.n_blocks;
    decoded.first_block = begin;
    for (int p = 0; p < kPanels; ++p) {
      for (int b = begin; b < end; ++b) {
        for (int step = 0; step < Product::kSteps; ++step) stored.words(p, b, step, decoded.codes[p][b - begin][step]);
        if constexpr (is_scaled(kStorage)) decoded.scale[p][b - begin] = stored.scales(p, b);
      }
    }
    for (int t = 0; t < n_tokens; t += kTokensAtOnce) {
      const OperandTile tile = tile_of(x, (first_token + t) / kTileTokens * kTileTokens);
      with_constant<kTokensAtOnce>(n_tokens - t, [&]<int kTokens>() {
        auto& all = sums[t / kTokensAtOnce];
        __m512 some[kPanels][kTokens];
        for (int p = 0; p < kPanels; ++p)
          for (int i = 0; i < kTokens; ++i) some[p][i] = all[p][i];
        multiply<Product, is_scaled(kStorage)>(decoded, begin, end, tile, (first_token + t) % kTileTokens, some);
        for (int p = 0; p < kPanels; ++p)
          for (int i = 0; i < kTokens; ++i) all[p][i] = some[p][i];
      });
    }
  }
  for (int t = 0; t < n_tokens; ++t)
    for (int p = 0; p < kPanels; ++p)
      store(w, panel + p, sums[t / kTokensAtOnce][p][t % kTokensAtOnce], out.row(first_token + t));
}

// A group of tokens at a time: its activations stay in the second-level cache while the panels go by.
template <typename Product, Storage kStorage>
void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if (x.n_tokens <= kTileTokens)
    return with_constant<kTileTokens>(x.n_tokens, [&]<int kTokens>() {
      few_tokens_of<Product, kStorage, kTokens>(w, tile_of(x, 0), panel_begin, panel_end, out);
    });
  for (int t = 0; t < x.n_tokens; t += kGroupTokens) {
    const int n_tokens = x.n_tokens - t < kGroupTokens ? x.n_tokens - t : kGroupTokens;
    int panel = panel_begin;
    for (; panel + kPanelsAtOnce <= panel_end; panel += kPanelsAtOnce)
      token_group<Product, kStorage, kPanelsAtOnce>(w, x, panel, t, n_tokens, out);
    for (; panel < panel_end; ++panel) token_group<Product, kStorage, 1>(w, x, panel, t, n_tokens, out);
  }
}

// kF32 weights, [n_cols][16 rows], on the f32 form of the input: a few small matrices of a model at most.
void matmul_f32(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    for (int t = 0; t < x.n_tokens; ++t) {
      __m512 sum = _mm512_setzero_ps();
      for (int k = 0; k < w.n_blocks * kBlockCols; ++k)
        sum = _mm512_fmadd_ps(_mm512_castsi512_ps(load_word(w.codes(panel), k)),
                              _mm512_set1_ps(x.f32[t * x.stride() + k]), sum);
      store(w, panel, sum, out.row(t));
    }
  }
}

}  // namespace

void avx512_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
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
