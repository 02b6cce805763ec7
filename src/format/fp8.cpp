#include "format/fp8.h"

#include <algorithm>
#include <cmath>

#include "format/bf16.h"
#include "format/e4m3.h"

namespace nibble::format {

std::uint16_t fp8_scale(float largest_magnitude) {
  constexpr std::uint16_t kEpsilon = 0x3c00;  // 2^-7, bf16's epsilon: what the reference puts for zero
  const std::uint16_t scale = f32_to_bf16(largest_magnitude / 448.0f);
  return scale == 0 ? kEpsilon : scale;
}

std::uint8_t fp8_code(float weight, float step) {
  const float scaled = round_to_bf16(weight / step) + 0.0f;  // the reference adds its zero point: -0 becomes 0
  return f32_to_e4m3(std::clamp(scaled, -448.0f, 448.0f));
}

std::uint16_t quantize_fp8_row(std::span<const std::uint16_t> row, std::span<std::uint8_t> codes) {
  float largest = 0;
  for (const std::uint16_t bits : row) largest = std::max(largest, std::abs(bf16_to_f32(bits)));
  const std::uint16_t scale = fp8_scale(largest);
  const float step = bf16_to_f32(scale);
  for (std::size_t i = 0; i < row.size(); ++i) codes[i] = fp8_code(bf16_to_f32(row[i]), step);
  return scale;
}

}  // namespace nibble::format
