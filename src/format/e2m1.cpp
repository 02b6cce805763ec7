#include "format/e2m1.h"

#include <cmath>

namespace nibble::format {

const std::array<float, 16> kE2m1 = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                     -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};
const std::array<std::int8_t, 16> kE2m1Doubled = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

std::uint8_t f32_to_e2m1(float value) {
  const float m = std::abs(value);
  // Between neighbours the midpoint goes to the even code.
  const int code = int(m > 0.25f) + int(m >= 0.75f) + int(m > 1.25f) + int(m >= 1.75f) + int(m > 2.5f) +
                   int(m >= 3.5f) + int(m > 5.0f);
  return std::uint8_t(code | (value < 0 ? 8 : 0));
}

}  // namespace nibble::format
