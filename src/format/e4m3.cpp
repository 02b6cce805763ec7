#include "format/e4m3.h"

#include <bit>
#include <cmath>

namespace nibble::format {
namespace {

constexpr int kBias = 7, kMantissaBits = 3;
constexpr std::uint8_t kNan = 0x7f, kLargest = 0x7e;

std::array<float, 256> make_table() {
  std::array<float, 256> table{};
  for (int code = 0; code < 256; ++code) {
    const int exponent = (code >> kMantissaBits) & 15, mantissa = code & 7;
    float value = exponent == 0 ? std::ldexp(float(mantissa), 1 - kBias - kMantissaBits)
                                : std::ldexp(float(8 + mantissa), exponent - kBias - kMantissaBits);
    if ((code & 0x7f) == kNan) value = NAN;
    table[std::size_t(code)] = code & 0x80 ? -value : value;
  }
  return table;
}

}  // namespace

const std::array<float, 256> kE4m3 = make_table();

std::uint8_t f32_to_e4m3(float value) {
  const std::uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return std::uint8_t(sign | kNan);
  if (magnitude >= 448.0f) return std::uint8_t(sign | kLargest);
  if (magnitude < 0.015625f) {  // below 2^-6: subnormal, steps of 2^-9
    return std::uint8_t(sign | std::uint8_t(std::nearbyint(magnitude * 512.0f)));
  }
  // Keep 3 of the 23 mantissa bits, ties to even; a carry moves into the exponent by itself.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t rounded = bits + 0x7ffffu + ((bits >> 20) & 1u);
  return std::uint8_t(sign | ((rounded >> 20) - ((127 - kBias) << kMantissaBits)));
}

}  // namespace nibble::format
