// e2m1: the 4-bit float of NVFP4: sign, then 0, 0.5, 1, 1.5, 2, 3, 4, 6. Two codes a byte, the even column in the low nibble.
#pragma once

#include <array>
#include <cstdint>

namespace nibble::format {

extern const std::array<float, 16> kE2m1;               // code -> value
extern const std::array<std::int8_t, 16> kE2m1Doubled;  // code -> 2 * value, exact in int8

// Nearest value, ties to the even code, beyond 6 clamps to 6; the sign bit is set only for value < 0, so a negative
// that rounds to zero keeps it (as the reference writes it) and -0.0 does not.
std::uint8_t f32_to_e2m1(float value);

}  // namespace nibble::format
