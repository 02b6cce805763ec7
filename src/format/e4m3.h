// e4m3 ("float8_e4m3fn"): 1 sign, 4 exponent (bias 7), 3 mantissa bits; largest 448; no infinity; 0x7f and 0xff are NaN.
#pragma once

#include <array>
#include <cstdint>

namespace nibble::format {

extern const std::array<float, 256> kE4m3;  // code -> value

inline float e4m3_to_f32(std::uint8_t code) { return kE4m3[code]; }

// Round to nearest, ties to even, saturating at the largest value, NaN to NaN.
std::uint8_t f32_to_e4m3(float value);

}  // namespace nibble::format
