#include "format/nvfp4.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "format/bf16.h"
#include "format/e4m3.h"

namespace nibble::format {

float nvfp4_global_scale(float largest_magnitude) {
  constexpr float kLargestValue = 448.0f * 6.0f;
  const float clamped = std::max(largest_magnitude, std::numeric_limits<float>::min());
  const float scale = round_to_bf16(round_to_bf16(1.0f / clamped) * kLargestValue);
  return std::isfinite(scale) ? scale : 1.0f;
}

std::uint8_t nvfp4_block_scale(float largest_magnitude, float global_scale) {
  const float wanted = global_scale * round_to_bf16(largest_magnitude / 6.0f);
  const std::uint8_t code = f32_to_e4m3(std::min(wanted, 448.0f));
  constexpr std::uint8_t kEpsilon = 0x20;  // 0.125: the reference never stores a scale of zero
  return code == 0 ? kEpsilon : code;
}

float nvfp4_step(std::uint8_t scale, float global_scale) { return e4m3_to_f32(scale) / global_scale; }

}  // namespace nibble::format
