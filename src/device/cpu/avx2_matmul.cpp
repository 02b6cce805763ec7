// Matrix products with AVX2 and FMA, on the f32 form of the input. Every storage decodes to f32 exactly (at
// most 11 significant bits, block scale included), so only products and sums round. One token: a block is
// decoded in registers and used once. Memory bounds the wide storages (bf16: 90 to 100 % of the measured read
// bandwidth), decoding the narrow ones: some 170 instructions for the 256 weights of a 4-bit block. More
// tokens: some blocks are decoded into the first-level cache and used for tiles of six tokens (35 to 60 % of
// the multiply-add peak from 32 tokens on).
#include <immintrin.h>

#include "device/cpu/avx2.h"

namespace nibble::device::cpu {
namespace {

constexpr bool is_scaled(Storage storage) { return storage == Storage::kNVFP4 || storage == Storage::kInt4; }

// Eight rows of a word; `half` 0: rows 0 to 7.
__m256i load_word(const std::byte* codes, int word, int half) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes) + word * 2 + half);
}

// A signed byte of each lane as f32.
__m256 byte_as_f32(__m256i bytes, int index) {
  if (index != 3) bytes = _mm256_slli_epi32(bytes, 24 - 8 * index);
  return _mm256_cvtepi32_ps(_mm256_srai_epi32(bytes, 24));
}

// Doubled, e2m1 is an integer; the block scale takes the half back.
template <Storage kStorage>
__m256i integers_of_codes() {
  const __m128i table = kStorage == Storage::kNVFP4
                            ? _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
                            : _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
  return _mm256_broadcastsi128_si256(table);
}

// e4m3 in the upper byte of each 16-bit lane, its exponent and mantissa moved into f16's: the value * 2^-8,
// denormals included. (Through f32's denormals would take fewer instructions, but Intel's cores then stop at
// each for 150 cycles.)
__m256i e4m3_to_f16(__m256i lanes) {
  return _mm256_and_si256(_mm256_srai_epi16(lanes, 1), _mm256_set1_epi16(short(0xbf80)));
}

// Pairs of f16, rows 0 1 4 5 then 2 3 6 7, as f32: the first of each pair of rows 0 to 7, and the second.
void split_pairs(__m256i pairs, __m256& first, __m256& second) {
  const __m256 a = _mm256_cvtph_ps(_mm256_castsi256_si128(pairs));       // rows 0 1 | 4 5
  const __m256 b = _mm256_cvtph_ps(_mm256_extracti128_si256(pairs, 1));  // rows 2 3 | 6 7
  first = _mm256_shuffle_ps(a, b, 0x88);
  second = _mm256_shuffle_ps(a, b, 0xdd);
}

// What a decoded code is worth, where it is not the value itself.
constexpr float unit_of(Storage storage) { return storage == Storage::kFP8 ? 0x1p8f : 1.0f; }

// Columns 4 * quad .. 4 * quad + 3 of eight rows of a block, without the block scale.
template <Storage kStorage>
void decode_quad(const std::byte* codes, int quad, int half, __m256 (&w)[4]) {
  if constexpr (kStorage == Storage::kF32) {
    for (int c = 0; c < 4; ++c) w[c] = _mm256_castsi256_ps(load_word(codes, quad * 4 + c, half));
  } else if constexpr (kStorage == Storage::kBF16) {
    const __m256i upper = _mm256_set1_epi32(int(0xffff0000));
    for (int pair = 0; pair < 2; ++pair) {
      const __m256i word = load_word(codes, quad * 2 + pair, half);
      w[pair * 2] = _mm256_castsi256_ps(_mm256_slli_epi32(word, 16));
      w[pair * 2 + 1] = _mm256_castsi256_ps(_mm256_and_si256(word, upper));
    }
  } else if constexpr (kStorage == Storage::kFP8) {
    const __m256i word = _mm256_permute4x64_epi64(load_word(codes, quad, half), 0xd8);  // rows 0 1 4 5 2 3 6 7
    split_pairs(e4m3_to_f16(_mm256_slli_epi16(word, 8)), w[0], w[1]);
    split_pairs(e4m3_to_f16(word), w[2], w[3]);
  } else {
    __m256i word = load_word(codes, quad / 2, half);
    if (quad % 2 == 1) word = _mm256_srli_epi16(word, 4);
    const __m256i code = _mm256_and_si256(word, _mm256_set1_epi8(15));
    const __m256i integers = _mm256_shuffle_epi8(integers_of_codes<kStorage>(), code);
    w[0] = byte_as_f32(integers, 0);
    w[2] = byte_as_f32(integers, 1);
    w[1] = byte_as_f32(integers, 2);
    w[3] = byte_as_f32(integers, 3);
  }
}

// The scales of a block; NVFP4's are halved for integers_of_codes.
template <Storage kStorage>
void decode_scales(const std::byte* scales, __m256 (&s)[2]) {
  if constexpr (kStorage == Storage::kNVFP4) {
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
    const __m256i f16 = e4m3_to_f16(_mm256_slli_epi16(wide, 8));
    const __m256 back = _mm256_set1_ps(0x1p8f * 0.5f);
    s[0] = _mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(f16)), back);
    s[1] = _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(f16, 1)), back);
  } else {
    const auto* halves = reinterpret_cast<const __m128i*>(scales);
    for (int h = 0; h < 2; ++h)
      s[h] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(halves + h)), 16));
  }
}

// Writes 16 sums, times their row factors, to out[token], where rows exist.
template <Storage kStorage>
void store(const PanelMatrix& w, int panel, __m256 low, __m256 high, float* out) {
  const int first = panel * kPanelRows;
  const __m256 unit = _mm256_set1_ps(unit_of(kStorage));
  low = _mm256_mul_ps(_mm256_mul_ps(low, unit), _mm256_loadu_ps(w.row_factor + first));
  high = _mm256_mul_ps(_mm256_mul_ps(high, unit), _mm256_loadu_ps(w.row_factor + first + 8));
  if (w.rows - first >= kPanelRows) {
    _mm256_storeu_ps(out + first, low);
    _mm256_storeu_ps(out + first + 8, high);
    return;
  }
  alignas(32) float sums[kPanelRows];
  _mm256_store_ps(sums, low);
  _mm256_store_ps(sums + 8, high);
  for (int r = 0; first + r < w.rows; ++r) out[first + r] = sums[r];
}

// One sum a row, its columns in order (of a scaled storage: its blocks, and a block's columns), however many
// tokens there are: a token's result never depends on its neighbours. Independent sums to overlap come from
// further rows.
template <Storage kStorage, int kPanels>
void one_token(const PanelMatrix& w, const float* x, int panel, float* out) {
  __m256 total[kPanels][2], sum[kPanels][2];
  for (int p = 0; p < kPanels; ++p)
    for (int h = 0; h < 2; ++h) total[p][h] = sum[p][h] = _mm256_setzero_ps();
  for (int b = 0; b < w.n_blocks; ++b, x += kBlockCols) {
    if constexpr (is_scaled(kStorage))
      for (int p = 0; p < kPanels; ++p) sum[p][0] = sum[p][1] = _mm256_setzero_ps();
    for (int quad = 0; quad < 4; ++quad) {
      for (int p = 0; p < kPanels; ++p) {
        const std::byte* codes = w.codes(panel + p) + std::size_t(b) * w.block_code_bytes;
        __m256 low[4], high[4];
        decode_quad<kStorage>(codes, quad, 0, low);
        decode_quad<kStorage>(codes, quad, 1, high);
        for (int c = 0; c < 4; ++c) {
          const __m256 activation = _mm256_broadcast_ss(x + quad * 4 + c);
          sum[p][0] = _mm256_fmadd_ps(low[c], activation, sum[p][0]);
          sum[p][1] = _mm256_fmadd_ps(high[c], activation, sum[p][1]);
        }
      }
    }
    if constexpr (is_scaled(kStorage)) {
      for (int p = 0; p < kPanels; ++p) {
        __m256 scale[2];
        decode_scales<kStorage>(w.scales(panel + p) + std::size_t(b) * w.block_scale_bytes, scale);
        for (int h = 0; h < 2; ++h) total[p][h] = _mm256_fmadd_ps(scale[h], sum[p][h], total[p][h]);
      }
    }
  }
  for (int p = 0; p < kPanels; ++p) {
    const __m256* result = is_scaled(kStorage) ? total[p] : sum[p];
    store<kStorage>(w, panel + p, result[0], result[1], out);
  }
}

constexpr int kChunkBlocks = 8;   // decoded at a time: 8 KiB of the first-level cache's 32
constexpr int kGroupTokens = 36;  // that share a decoded chunk: 2.3 KiB of sums, 16 KiB of activations
constexpr int kTileTokens = 6;    // 12 sums, a column of weights and an activation fill the 16 registers

template <Storage kStorage>
void decode_chunk(const PanelMatrix& w, int panel, int first_block, int n_blocks, float* weights, float* scales) {
  const std::byte* codes = w.codes(panel) + std::size_t(first_block) * w.block_code_bytes;
  const std::byte* scale_codes = w.scales(panel) + std::size_t(first_block) * w.block_scale_bytes;
  for (int b = 0; b < n_blocks; ++b) {
    for (int quad = 0; quad < 4; ++quad) {
      __m256 low[4], high[4];
      decode_quad<kStorage>(codes, quad, 0, low);
      decode_quad<kStorage>(codes, quad, 1, high);
      for (int c = 0; c < 4; ++c, weights += kPanelRows) {
        _mm256_store_ps(weights, low[c]);
        _mm256_store_ps(weights + 8, high[c]);
      }
    }
    if constexpr (is_scaled(kStorage)) {
      __m256 scale[2];
      decode_scales<kStorage>(scale_codes, scale);
      _mm256_store_ps(scales + b * kPanelRows, scale[0]);
      _mm256_store_ps(scales + b * kPanelRows + 8, scale[1]);
    }
    codes += w.block_code_bytes;
    scale_codes += w.block_scale_bytes;
  }
}

// sums[t] += weights x[t] for kTokens tokens and a chunk of blocks, added up as in one_token.
template <int kTokens, bool kScaled>
void multiply_tile(const float* weights, const float* scales, int n_blocks, const float* x, std::ptrdiff_t stride,
                   float* sums) {
  __m256 sum[kTokens][2];
  for (int t = 0; t < kTokens; ++t)
    for (int h = 0; h < 2; ++h) sum[t][h] = _mm256_load_ps(sums + t * kPanelRows + h * 8);
  for (int b = 0; b < n_blocks; ++b, x += kBlockCols) {
    if constexpr (kScaled)
      for (int t = 0; t < kTokens; ++t) sum[t][0] = sum[t][1] = _mm256_setzero_ps();
    for (int k = 0; k < kBlockCols; ++k, weights += kPanelRows) {
      const __m256 low = _mm256_load_ps(weights), high = _mm256_load_ps(weights + 8);
      for (int t = 0; t < kTokens; ++t) {
        const __m256 activation = _mm256_broadcast_ss(x + t * stride + k);
        sum[t][0] = _mm256_fmadd_ps(low, activation, sum[t][0]);
        sum[t][1] = _mm256_fmadd_ps(high, activation, sum[t][1]);
      }
    }
    if constexpr (kScaled) {
      for (int h = 0; h < 2; ++h) {
        const __m256 scale = _mm256_load_ps(scales + b * kPanelRows + h * 8);
        for (int t = 0; t < kTokens; ++t) {
          float* total = sums + t * kPanelRows + h * 8;
          _mm256_store_ps(total, _mm256_fmadd_ps(scale, sum[t][h], _mm256_load_ps(total)));
        }
      }
    }
  }
  if constexpr (!kScaled)
    for (int t = 0; t < kTokens; ++t)
      for (int h = 0; h < 2; ++h) _mm256_store_ps(sums + t * kPanelRows + h * 8, sum[t][h]);
}

template <bool kScaled>
void multiply(const float* weights, const float* scales, int n_blocks, const float* x, std::ptrdiff_t stride,
              int n_tokens, float* sums) {
  int t = 0;
  const auto tile = [&]<int kTokens>() {
    multiply_tile<kTokens, kScaled>(weights, scales, n_blocks, x + t * stride, stride, sums + t * kPanelRows);
    t += kTokens;
  };
  while (n_tokens - t >= kTileTokens) tile.template operator()<kTileTokens>();
  if (n_tokens - t >= 4) tile.template operator()<4>();
  if (n_tokens - t >= 2) tile.template operator()<2>();
  if (n_tokens - t >= 1) tile.template operator()<1>();
}

template <Storage kStorage>
void token_group(const PanelMatrix& w, const Operand& x, int panel, int first_token, int n_tokens, Array out) {
  alignas(32) float weights[kChunkBlocks * kBlockCols * kPanelRows];
  alignas(32) float scales[kChunkBlocks * kPanelRows];
  alignas(32) float sums[kGroupTokens * kPanelRows];
  for (int i = 0; i < n_tokens * kPanelRows; ++i) sums[i] = 0.0f;
  for (int b = 0; b < w.n_blocks; b += kChunkBlocks) {
    const int n_blocks = w.n_blocks - b < kChunkBlocks ? w.n_blocks - b : kChunkBlocks;
    decode_chunk<kStorage>(w, panel, b, n_blocks, weights, scales);
    multiply<is_scaled(kStorage)>(weights, scales, n_blocks, x.f32 + first_token * x.stride() + b * kBlockCols, x.stride(),
                                  n_tokens, sums);
  }
  for (int t = 0; t < n_tokens; ++t)
    store<kStorage>(w, panel, _mm256_load_ps(sums + t * kPanelRows), _mm256_load_ps(sums + t * kPanelRows + 8),
                    out.row(first_token + t));
}

// A group of tokens at a time: its activations stay in the second-level cache while the panels go by.
template <Storage kStorage>
void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if (x.n_tokens == 1) {
    int panel = panel_begin;
    for (; panel + 2 <= panel_end; panel += 2) one_token<kStorage, 2>(w, x.f32, panel, out.data);
    if (panel < panel_end) one_token<kStorage, 1>(w, x.f32, panel, out.data);
    return;
  }
  for (int t = 0; t < x.n_tokens; t += kGroupTokens) {
    const int n_tokens = x.n_tokens - t < kGroupTokens ? x.n_tokens - t : kGroupTokens;
    for (int panel = panel_begin; panel < panel_end; ++panel) token_group<kStorage>(w, x, panel, t, n_tokens, out);
  }
}

}  // namespace

void avx2_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if (x.type == OperandType::kInt8) return avx2_int8_matmul(w, x, panel_begin, panel_end, out);
  switch (w.storage) {
    case Storage::kF32: return matmul<Storage::kF32>(w, x, panel_begin, panel_end, out);
    case Storage::kBF16: return matmul<Storage::kBF16>(w, x, panel_begin, panel_end, out);
    case Storage::kFP8: return matmul<Storage::kFP8>(w, x, panel_begin, panel_end, out);
    case Storage::kNVFP4: return matmul<Storage::kNVFP4>(w, x, panel_begin, panel_end, out);
    case Storage::kInt4: return matmul<Storage::kInt4>(w, x, panel_begin, panel_end, out);
  }
}

}  // namespace nibble::device::cpu
