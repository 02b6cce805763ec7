// Scores of a screen with i8mm's dot product of unsigned and signed bytes, for up to two tokens a pass over a panel,
// which the first-level cache holds.
#include "device/cpu/f32x4.h"
#include "device/cpu/neon.h"

namespace nibble::device::cpu {
namespace {

constexpr int kVectors = kPanelRows / F32x4::kLanes;

template <int kTokens>
void screen_panel(const Screen& screen, const ScreenInput& x, int panel, int first_token, Array scores) {
  int32x4_t high[kTokens][kVectors], low[kTokens][kVectors];
  for (int t = 0; t < kTokens; ++t) {
    for (int v = 0; v < kVectors; ++v) {
      high[t][v] = vdupq_n_s32(x.high_start[std::size_t(first_token + t)]);
      low[t][v] = vdupq_n_s32(x.low_start[std::size_t(first_token + t)]);
    }
  }
  const auto* codes = reinterpret_cast<const std::uint8_t*>(screen.panel(panel));
  const std::uint32_t* high_words = x.high.data() + first_token;
  const std::uint32_t* low_words = x.low.data() + first_token;
  for (int q = 0; q < screen.n_quads; ++q, high_words += x.n_tokens, low_words += x.n_tokens) {
    uint8x16_t quads[kVectors];
    for (uint8x16_t& quad : quads) {
      quad = vld1q_u8(codes);
      codes += sizeof quad;
    }
    for (int t = 0; t < kTokens; ++t) {
      const int8x16_t upper = vreinterpretq_s8_u32(vdupq_n_u32(high_words[t]));
      const int8x16_t lower = vreinterpretq_s8_u32(vdupq_n_u32(low_words[t]));
      for (int v = 0; v < kVectors; ++v) {
        high[t][v] = vusdotq_s32(high[t][v], quads[v], upper);
        low[t][v] = vusdotq_s32(low[t][v], quads[v], lower);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    float* to = scores.row(first_token + t) + panel * kPanelRows;
    const float* scales = screen.scales.as<float>() + panel * kPanelRows;
    for (int v = 0; v < kVectors; ++v) {
      const float32x4_t sum = vfmaq_n_f32(vcvtq_f32_s32(low[t][v]), vcvtq_f32_s32(high[t][v]), 128);
      const float32x4_t factor = vmulq_n_f32(vld1q_f32(scales + 4 * v), x.tokens[std::size_t(first_token + t)].step);
      vst1q_f32(to + 4 * v, vmulq_f32(sum, factor));
    }
  }
}

}  // namespace

void neon_screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores) {
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    int t = 0;
    for (; t + 2 <= x.n_tokens; t += 2) screen_panel<2>(screen, x, panel, t, scores);
    if (t < x.n_tokens) screen_panel<1>(screen, x, panel, t, scores);
  }
}

}  // namespace nibble::device::cpu
