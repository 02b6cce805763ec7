#include "format/fp8.h"

#include <algorithm>
#include <cmath>

#include "format/bf16.h"
#include "format/e4m3.h"

namespace nibble::format {

std::uint16_t quantize_fp8_row(std::span<const std::uint16_t> row, std::span<std::uint8_t> codes) {
  float largest = 0;
  for (const std::uint16_t bits : row) largest = std::max(largest, std::abs(bf16_to_f32(bits)));
  std::uint16_t scale = f32_to_bf16(largest / 448.0f);
  if (scale == 0) scale = f32_to_bf16(0.0078125f);  // bf16's epsilon, as the reference
  const float step = bf16_to_f32(scale);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float scaled = round_to_bf16(bf16_to_f32(row[i]) / step);
    const std::uint8_t code = f32_to_e4m3(std::clamp(scaled, -448.0f, 448.0f));
    codes[i] = code == 0x80 ? 0 : code;
  }
  return scale;
}

}  // namespace nibble::format
