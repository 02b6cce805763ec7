// Scores of a screen with VNNI: one pass over its codes for up to eight tokens.
#include <immintrin.h>

#include "device/cpu/avx512.h"

namespace nibble::device::cpu {
namespace {

template <int kTokens>
void screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores) {
  const __m512 shift = _mm512_set1_ps(128);
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    const auto* codes = reinterpret_cast<const __m512i*>(screen.panel(panel));
    __m512i high[kTokens], low[kTokens];
    for (int t = 0; t < kTokens; ++t) {
      high[t] = _mm512_set1_epi32(x.high_start[std::size_t(t)]);
      low[t] = _mm512_set1_epi32(x.low_start[std::size_t(t)]);
    }
    const std::uint32_t* high_words = x.high.data();
    const std::uint32_t* low_words = x.low.data();
    for (int q = 0; q < screen.n_quads; ++q, high_words += kTokens, low_words += kTokens) {
      const __m512i quads = _mm512_loadu_si512(codes + q);
      for (int t = 0; t < kTokens; ++t) {
        high[t] = _mm512_dpbusd_epi32(high[t], quads, _mm512_set1_epi32(int(high_words[t])));
        low[t] = _mm512_dpbusd_epi32(low[t], quads, _mm512_set1_epi32(int(low_words[t])));
      }
    }
    const __m512 scales = _mm512_loadu_ps(screen.scales.as<float>() + panel * kPanelRows);
    for (int t = 0; t < kTokens; ++t) {
      const __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[t]), shift, _mm512_cvtepi32_ps(low[t]));
      const __m512 factor = _mm512_mul_ps(scales, _mm512_set1_ps(x.tokens[std::size_t(t)].step));
      _mm512_storeu_ps(scores.row(t) + panel * kPanelRows, _mm512_mul_ps(sum, factor));
    }
  }
}

}  // namespace

void avx512_screen(const Screen& s, const ScreenInput& x, int panel_begin, int panel_end, Array scores) {
  switch (x.n_tokens) {
    case 1: return screen<1>(s, x, panel_begin, panel_end, scores);
    case 2: return screen<2>(s, x, panel_begin, panel_end, scores);
    case 3: return screen<3>(s, x, panel_begin, panel_end, scores);
    case 4: return screen<4>(s, x, panel_begin, panel_end, scores);
    case 5: return screen<5>(s, x, panel_begin, panel_end, scores);
    case 6: return screen<6>(s, x, panel_begin, panel_end, scores);
    case 7: return screen<7>(s, x, panel_begin, panel_end, scores);
    case 8: return screen<8>(s, x, panel_begin, panel_end, scores);
  }
}

}  // namespace nibble::device::cpu
