#include "format/e4m3.h"

#include <cmath>

namespace nibble::format {
namespace {

constexpr int kBias = 7, kMantissaBits = 3;
constexpr std::uint8_t kNan = 0x7f;

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

}  // namespace nibble::format
