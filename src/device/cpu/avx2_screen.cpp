// Scores of a screen with AVX2. Pairs of products of bytes must fit in 16 signed bits, so the codes' signs go to the input:
// |code| <= 127 times +-input, 2 * 127 * 127 at most.
#include <immintrin.h>

#include "device/cpu/avx2.h"

namespace nibble::device::cpu {
namespace {

__m256i add_products(__m256i sum, __m256i magnitudes, __m256i codes, std::uint32_t word) {
  const __m256i input = _mm256_sign_epi8(_mm256_set1_epi32(int(word)), codes);
  const __m256i pairs = _mm256_maddubs_epi16(magnitudes, input);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Eight rows of a panel for one token.
void screen_rows(const Screen& screen, const ScreenInput& x, int token, int panel, int half, float* scores) {
  const auto* from = reinterpret_cast<const __m256i*>(screen.panel(panel)) + half;
  const __m256i zero_point = _mm256_set1_epi8(char(0x80));
  __m256i high = _mm256_setzero_si256(), low = high;
  for (int q = 0; q < screen.n_quads; ++q) {
    const __m256i codes = _mm256_xor_si256(_mm256_loadu_si256(from + 2 * q), zero_point);
    const __m256i magnitudes = _mm256_abs_epi8(codes);
    const std::size_t at = std::size_t(q * x.n_tokens + token);
    high = add_products(high, magnitudes, codes, x.high[at]);
    low = add_products(low, magnitudes, codes, x.low[at]);
  }
  const int first = panel * kPanelRows + half * 8;
  const __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), _mm256_set1_ps(128), _mm256_cvtepi32_ps(low));
  const __m256 factor = _mm256_mul_ps(_mm256_loadu_ps(screen.scales.as<float>() + first),
                                      _mm256_set1_ps(x.tokens[std::size_t(token)].step));
  _mm256_storeu_ps(scores + first, _mm256_mul_ps(sum, factor));
}

}  // namespace

void avx2_screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores) {
  for (int panel = panel_begin; panel < panel_end; ++panel)
    for (int t = 0; t < x.n_tokens; ++t)
      for (int half = 0; half < 2; ++half) screen_rows(screen, x, t, panel, half, scores.row(t));
}

}  // namespace nibble::device::cpu
