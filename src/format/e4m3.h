// e4m3 ("float8_e4m3fn"): 1 sign, 4 exponent (bias 7), 3 mantissa bits; largest 448; no infinity; 0x7f and 0xff are NaN.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace nibble::format {

extern const std::array<float, 256> kE4m3;  // code -> value

inline float e4m3_to_f32(std::uint8_t code) { return kE4m3[code]; }

// Round to nearest, ties to even, saturating at the largest value, NaN to NaN. Without a branch, so that loops of it become
// vector instructions.
inline std::uint8_t f32_to_e4m3(float value) {
  constexpr std::uint32_t kInfinity = 0x7f800000, kLargest = 0x43e00000, kSmallestNormal = 0x3c800000;  // 448, 2^-6
  constexpr float kSubnormalSteps = 16384.0f;  // its last bit is worth 2^-9, the step of the subnormals
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), magnitude = bits & 0x7fffffff;
  // Keep 3 of the 23 mantissa bits; a carry moves into the exponent by itself, whose bias is 120 less.
  const std::uint32_t normal = ((magnitude + 0x7ffff + (magnitude >> 20 & 1)) >> 20) - (120 << 3);
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + kSubnormalSteps) -
                                  std::bit_cast<std::uint32_t>(kSubnormalSteps);
  std::uint32_t code = magnitude < kSmallestNormal ? subnormal : normal;
  code = magnitude >= kLargest ? 0x7e : code;
  code = magnitude > kInfinity ? 0x7f : code;
  return std::uint8_t(code | (bits >> 24 & 0x80));
}

}  // namespace nibble::format
