// Matrix products with AVX2 of 4-bit codes, as bytes with their zero point (operand.h), and an int8 input. A pair of products
// is at most 2 * 24 * 127, and a block's four fit in 16 bits; so a block's sum is exact, and is added up as the other
// instruction sets do. Codes are looked up in registers and used at once for up to four tokens.
#include <immintrin.h>

#include "device/cpu/avx2.h"
#include "device/cpu/f32x8.h"

namespace nibble::device::cpu {
namespace {

constexpr int kTokensAtOnce = 4;

template <Storage kStorage>
__m256i bytes_of_codes() {
  const __m128i table = kStorage == Storage::kNVFP4
                            ? _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0)
                            : _mm_setr_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_broadcastsi128_si256(table);
}

// The quads of columns of eight rows of a block; `half` 0: rows 0 to 7.
template <Storage kStorage>
void decode_block(const std::byte* codes, int half, __m256i (&quads)[4]) {
  const __m256i table = bytes_of_codes<kStorage>(), low = _mm256_set1_epi8(15);
  for (int word = 0; word < 2; ++word) {
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes) + word * 2 + half);
    quads[word * 2] = _mm256_shuffle_epi8(table, _mm256_and_si256(both, low));
    quads[word * 2 + 1] = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(both, 4), low));
  }
}

template <Storage kStorage>
__m256 decode_scales(const std::byte* scales, int half) {
  if constexpr (kStorage == Storage::kNVFP4) return F32x8::load(reinterpret_cast<const E4m3*>(scales) + half * 8);
  return F32x8::load(reinterpret_cast<const std::uint16_t*>(scales) + half * 8);
}

// Half a panel for kTokens tokens of a tile, from first_token on.
template <Storage kStorage, int kTokens>
void multiply(const PanelMatrix& w, const OperandTile& x, int panel, int half, int first_token, Array out) {
  __m256 totals[kTokens];
  for (__m256& total : totals) total = _mm256_setzero_ps();
  const std::byte* codes = w.codes(panel);
  const std::byte* scales = w.scales(panel);
  const std::uint32_t* words = x.words + first_token;
  for (int b = 0; b < w.n_blocks; ++b, codes += w.block_code_bytes, scales += w.block_scale_bytes, words += 4 * x.n) {
    __m256i quads[4];
    decode_block<kStorage>(codes, half, quads);
    const __m256 scale = decode_scales<kStorage>(scales, half);
    for (int t = 0; t < kTokens; ++t) {
      __m256i pairs = _mm256_maddubs_epi16(quads[0], _mm256_set1_epi32(int(words[t])));
      for (int q = 1; q < 4; ++q)
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(quads[q], _mm256_set1_epi32(int(words[q * x.n + t]))));
      const int at = b * x.n + first_token + t;
      const __m256i sum =
          _mm256_add_epi32(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)), _mm256_set1_epi32(x.offsets[at]));
      const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(x.scales[at]));
      totals[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), both, totals[t]);
    }
  }
  const int first_row = panel * kPanelRows + half * 8;
  const __m256 factor = _mm256_loadu_ps(w.row_factor + first_row);
  for (int t = 0; t < kTokens; ++t) {
    float* to = out.row(x.first + first_token + t);
    const __m256 result = _mm256_mul_ps(totals[t], factor);
    if (w.rows - first_row >= 8) {
      _mm256_storeu_ps(to + first_row, result);
    } else {
      alignas(32) float rows[8];
      _mm256_store_ps(rows, result);
      for (int r = 0; first_row + r < w.rows; ++r) to[first_row + r] = rows[r];
    }
  }
}

template <Storage kStorage>
void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    for (int first = 0; first < x.n_tokens; first += kTileTokens) {
      const OperandTile tile = tile_of(x, first);
      for (int half = 0; half < 2; ++half) {
        for (int t = 0; t < tile.n; t += kTokensAtOnce) {
          switch (tile.n - t) {
            case 1: multiply<kStorage, 1>(w, tile, panel, half, t, out); break;
            case 2: multiply<kStorage, 2>(w, tile, panel, half, t, out); break;
            case 3: multiply<kStorage, 3>(w, tile, panel, half, t, out); break;
            default: multiply<kStorage, kTokensAtOnce>(w, tile, panel, half, t, out);
          }
        }
      }
    }
  }
}

}  // namespace

void avx2_int8_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  if (w.storage == Storage::kNVFP4) return matmul<Storage::kNVFP4>(w, x, panel_begin, panel_end, out);
  matmul<Storage::kInt4>(w, x, panel_begin, panel_end, out);
}

}  // namespace nibble::device::cpu
