// Matrix products with AVX-512 and its bf16 dot product, on the bf16 form of the input (kF32 weights: the
// f32 form). Every narrow code is exact in bf16, so products are exact in f32 and only sums round: one
// rounding a product, as with a fused multiply-add, denormals taken as zero (docs/numerics.md bounds both).
// One token: codes are looked up in registers and used once, bound by memory. More tokens: some blocks are
// decoded into the first-level cache and used for tiles of eight tokens (17 % of the dot product's peak on
// all 16 cores, 32 % on one: bound by the broadcasts of the activations).
#include <immintrin.h>

#include "device/cpu/avx512.h"

namespace nibble::device::cpu {
namespace {

constexpr bool is_scaled(Storage storage) { return storage == Storage::kNVFP4 || storage == Storage::kInt4; }

__m512i load_word(const std::byte* codes, int word) {
  return _mm512_loadu_si512(reinterpret_cast<const __m512i*>(codes) + word);
}

// bf16 of the 16 codes, twice: vpermw looks at five bits of a lane, of which the fifth belongs to the next
// code.
template <Storage kStorage>
__m512i bf16_of_nibbles() {
  constexpr short kTable[2][16] = {
      {0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0,  // 0 0.5 1 1.5 2 3 4 6
       short(0x8000), short(0xbf00), short(0xbf80), short(0xbfc0), short(0xc000), short(0xc040), short(0xc080),
       short(0xc0c0)},
      {0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0,  // 0 .. 7, then -8 .. -1
       short(0xc100), short(0xc0e0), short(0xc0c0), short(0xc0a0), short(0xc080), short(0xc040), short(0xc000),
       short(0xbf80)}};
  const short* table = kTable[kStorage == Storage::kInt4];
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(table)));
}

// The bytes of bf16(e4m3 code) for the 128 codes without a sign, in the order of the codes.
struct E4m3Bytes {
  alignas(64) unsigned char low[128], high[128];
};

constexpr E4m3Bytes make_e4m3_bytes() {
  E4m3Bytes bytes = {};
  for (int code = 0; code < 128; ++code) {
    int exponent = code >> 3, mantissa = code & 7;
    int bits = 0;  // zero
    if (exponent > 0 || mantissa > 0) {
      if (exponent == 0)
        exponent = 1;
      else
        mantissa += 8;
      for (; mantissa < 8; --exponent) mantissa *= 2;
      bits = (exponent - 7 + 127) << 7 | (mantissa - 8) << 4;
    }
    bytes.low[code] = static_cast<unsigned char>(bits & 0xff);
    bytes.high[code] = static_cast<unsigned char>(bits >> 8);
  }
  return bytes;
}
constexpr E4m3Bytes kE4m3Bytes = make_e4m3_bytes();

__m512i look_up_128(__m512i codes, const unsigned char* table) {
  return _mm512_permutex2var_epi8(_mm512_load_si512(table), codes, _mm512_load_si512(table + 64));
}

// Columns 4 * quad .. 4 * quad + 3 of the 16 rows of a block as two vectors of pairs, without the block
// scale.
template <Storage kStorage>
void decode_quad(const std::byte* codes, int quad, __m512i (&pairs)[2]) {
  if constexpr (kStorage == Storage::kBF16) {
    pairs[0] = load_word(codes, quad * 2);
    pairs[1] = load_word(codes, quad * 2 + 1);
  } else if constexpr (kStorage == Storage::kFP8) {
    const __m512i word = load_word(codes, quad);
    const __m512i sign = _mm512_and_si512(word, _mm512_set1_epi8(char(0x80)));
    const __m512i low = look_up_128(word, kE4m3Bytes.low);
    const __m512i high = _mm512_or_si512(look_up_128(word, kE4m3Bytes.high), sign);
    const __mmask64 upper_bytes = 0xaaaaaaaaaaaaaaaa;
    pairs[0] = _mm512_mask_blend_epi8(upper_bytes, low, _mm512_slli_epi16(high, 8));
    pairs[1] = _mm512_mask_blend_epi8(upper_bytes, _mm512_srli_epi16(low, 8), high);
  } else {
    __m512i word = load_word(codes, quad / 2);
    if (quad % 2 == 1) word = _mm512_srli_epi16(word, 4);
    const __m512i table = bf16_of_nibbles<kStorage>();
    pairs[0] = _mm512_permutexvar_epi16(word, table);
    pairs[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(word, 8), table);
  }
}

// The 16 scales of a block. e4m3's exponent and mantissa moved into f16's are the value * 2^-8, denormals
// included.
template <Storage kStorage>
__m512 decode_scales(const std::byte* scales) {
  if constexpr (kStorage == Storage::kNVFP4) {
    const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
    const __m256i f16 =
        _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(wide, 8), 1), _mm256_set1_epi16(short(0xbf80)));
    return _mm512_mul_ps(_mm512_cvtph_ps(f16), _mm512_set1_ps(0x1p8f));
  } else {
    const __m256i bf16 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16));
  }
}

// Two neighbouring bf16 in every lane.
__m512i broadcast_pair(const std::uint16_t* x) {
  int pair;
  __builtin_memcpy(&pair, x, sizeof(pair));
  return _mm512_set1_epi32(pair);
}

// sum + the products of the pairs of each lane
__m512 dot(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

// Writes 16 sums, times their row factors, where rows exist.
void store(const PanelMatrix& w, int panel, __m512 sums, float* out) {
  const int first = panel * kPanelRows, left = w.rows - first;
  const __mmask16 rows = __mmask16(left >= kPanelRows ? 0xffff : (1 << left) - 1);
  _mm512_mask_storeu_ps(out + first, rows, _mm512_mul_ps(sums, _mm512_loadu_ps(w.row_factor + first)));
}

// One sum a row, its columns in order (of a scaled storage: its blocks, and a block's columns), however many
// tokens there are: a token's result never depends on its neighbours. Independent sums to overlap come from
// further rows.
template <Storage kStorage, int kPanels>
void one_token(const PanelMatrix& w, const std::uint16_t* x, int panel, float* out) {
  __m512 total[kPanels], sum[kPanels];
  for (int p = 0; p < kPanels; ++p) total[p] = sum[p] = _mm512_setzero_ps();
  for (int b = 0; b < w.n_blocks; ++b, x += kBlockCols) {
    if constexpr (is_scaled(kStorage))
      for (int p = 0; p < kPanels; ++p) sum[p] = _mm512_setzero_ps();
    for (int quad = 0; quad < 4; ++quad) {
      for (int p = 0; p < kPanels; ++p) {
        __m512i pairs[2];
        decode_quad<kStorage>(w.codes(panel + p) + std::size_t(b) * w.block_code_bytes, quad, pairs);
        sum[p] = dot(sum[p], pairs[0], broadcast_pair(x + quad * 4));
        sum[p] = dot(sum[p], pairs[1], broadcast_pair(x + quad * 4 + 2));
      }
    }
    if constexpr (is_scaled(kStorage)) {
      for (int p = 0; p < kPanels; ++p) {
        const std::byte* scales = w.scales(panel + p) + std::size_t(b) * w.block_scale_bytes;
        total[p] = _mm512_fmadd_ps(decode_scales<kStorage>(scales), sum[p], total[p]);
      }
    }
  }
  for (int p = 0; p < kPanels; ++p) store(w, panel + p, is_scaled(kStorage) ? total[p] : sum[p], out);
}

constexpr int kPairs = kBlockCols / 2;  // vectors of pairs in a block
constexpr int kChunkBlocks = 16;        // decoded at a time: 8 KiB of pairs and 1 KiB of scales
constexpr int kGroupTokens = 64;        // that share a decoded chunk: 4 KiB of sums, 32 KiB of activations
constexpr int kTileTokens = 8;          // 16 sums of 32 registers

template <Storage kStorage>
void decode_chunk(const PanelMatrix& w, int panel, int first_block, int n_blocks, __m512i* pairs, __m512* scales) {
  const std::byte* codes = w.codes(panel) + std::size_t(first_block) * w.block_code_bytes;
  const std::byte* scale_codes = w.scales(panel) + std::size_t(first_block) * w.block_scale_bytes;
  for (int b = 0; b < n_blocks; ++b, codes += w.block_code_bytes, scale_codes += w.block_scale_bytes) {
    for (int quad = 0; quad < 4; ++quad, pairs += 2) {
      __m512i decoded[2];
      decode_quad<kStorage>(codes, quad, decoded);
      _mm512_store_si512(pairs, decoded[0]);
      _mm512_store_si512(pairs + 1, decoded[1]);
    }
    if constexpr (is_scaled(kStorage)) scales[b] = decode_scales<kStorage>(scale_codes);
  }
}

// sums[t] += weights x[t] for kTokens tokens and a chunk of blocks, added up as in one_token.
template <int kTokens, bool kScaled>
void multiply_tile(const __m512i* pairs, const __m512* scales, int n_blocks, const std::uint16_t* x,
                   std::ptrdiff_t stride, __m512* sums) {
  __m512 sum[kTokens];
  for (int t = 0; t < kTokens; ++t) sum[t] = sums[t];
  for (int b = 0; b < n_blocks; ++b, pairs += kPairs, x += kBlockCols) {
    __m512 block[kTokens];
    if constexpr (kScaled)
      for (int t = 0; t < kTokens; ++t) block[t] = _mm512_setzero_ps();
    for (int p = 0; p < kPairs; ++p) {
      const __m512i weights = _mm512_load_si512(pairs + p);
      for (int t = 0; t < kTokens; ++t) {
        __m512& chain = kScaled ? block[t] : sum[t];
        chain = dot(chain, weights, broadcast_pair(x + t * stride + p * 2));
      }
    }
    if constexpr (kScaled)
      for (int t = 0; t < kTokens; ++t) sum[t] = _mm512_fmadd_ps(scales[b], block[t], sum[t]);
  }
  for (int t = 0; t < kTokens; ++t) sums[t] = sum[t];
}

// As above for kF32 weights, [n_cols][16 rows].
template <int kTokens>
void multiply_f32_tile(const std::byte* weights, int n_cols, const float* x, std::ptrdiff_t stride, __m512* sums) {
  __m512 sum[kTokens];
  for (int t = 0; t < kTokens; ++t) sum[t] = sums[t];
  for (int k = 0; k < n_cols; ++k) {
    const __m512 column = _mm512_castsi512_ps(load_word(weights, k));
    for (int t = 0; t < kTokens; ++t) sum[t] = _mm512_fmadd_ps(column, _mm512_set1_ps(x[t * stride + k]), sum[t]);
  }
  for (int t = 0; t < kTokens; ++t) sums[t] = sum[t];
}

// Cuts n tokens into tiles: tile(constant number of tokens, first token).
template <typename Tile>
void for_tiles(int n_tokens, const Tile& tile) {
  int t = 0;
  for (; n_tokens - t >= kTileTokens; t += kTileTokens) tile.template operator()<kTileTokens>(t);
  for (; n_tokens - t >= 2; t += 2) tile.template operator()<2>(t);
  if (t < n_tokens) tile.template operator()<1>(t);
}

template <Storage kStorage>
void token_group(const PanelMatrix& w, const Operand& x, int panel, int first_token, int n_tokens, Array out) {
  __m512i pairs[kChunkBlocks * kPairs];
  __m512 scales[kChunkBlocks];
  __m512 sums[kGroupTokens];
  for (int t = 0; t < n_tokens; ++t) sums[t] = _mm512_setzero_ps();
  for (int b = 0; b < w.n_blocks; b += kChunkBlocks) {
    const int n_blocks = w.n_blocks - b < kChunkBlocks ? w.n_blocks - b : kChunkBlocks;
    const std::ptrdiff_t start = first_token * x.stride + b * kBlockCols;
    if constexpr (kStorage == Storage::kF32) {
      const std::byte* weights = w.codes(panel) + std::size_t(b) * w.block_code_bytes;
      for_tiles(n_tokens, [&]<int kTokens>(int t) {
        multiply_f32_tile<kTokens>(weights, n_blocks * kBlockCols, x.f32 + start + t * x.stride, x.stride, sums + t);
      });
    } else {
      decode_chunk<kStorage>(w, panel, b, n_blocks, pairs, scales);
      for_tiles(n_tokens, [&]<int kTokens>(int t) {
        multiply_tile<kTokens, is_scaled(kStorage)>(pairs, scales, n_blocks, x.bf16 + start + t * x.stride, x.stride,
                                                    sums + t);
      });
    }
  }
  for (int t = 0; t < n_tokens; ++t) store(w, panel, sums[t], out.row(first_token + t));
}

// A group of tokens at a time: its activations stay in the second-level cache while the panels go by.
template <Storage kStorage>
void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if constexpr (kStorage != Storage::kF32) {
    if (x.n_tokens == 1) {
      int panel = panel_begin;
      for (; panel + 2 <= panel_end; panel += 2) one_token<kStorage, 2>(w, x.bf16, panel, out.data);
      if (panel < panel_end) one_token<kStorage, 1>(w, x.bf16, panel, out.data);
      return;
    }
  }
  for (int t = 0; t < x.n_tokens; t += kGroupTokens) {
    const int n_tokens = x.n_tokens - t < kGroupTokens ? x.n_tokens - t : kGroupTokens;
    for (int panel = panel_begin; panel < panel_end; ++panel) token_group<kStorage>(w, x, panel, t, n_tokens, out);
  }
}

}  // namespace

void avx512_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  switch (w.storage) {
    case Storage::kF32: return matmul<Storage::kF32>(w, x, panel_begin, panel_end, out);
    case Storage::kBF16: return matmul<Storage::kBF16>(w, x, panel_begin, panel_end, out);
    case Storage::kFP8: return matmul<Storage::kFP8>(w, x, panel_begin, panel_end, out);
    case Storage::kNVFP4: return matmul<Storage::kNVFP4>(w, x, panel_begin, panel_end, out);
    case Storage::kInt4: return matmul<Storage::kInt4>(w, x, panel_begin, panel_end, out);
  }
}

}  // namespace nibble::device::cpu
