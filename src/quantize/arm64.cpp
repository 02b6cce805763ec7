// The instruction sets of Arm's 64 bits that the quantizer has loops for.
#include <array>

#include "quantize/kernels.h"

namespace nibble::quantize {

std::span<const Kernels* const> all_kernels() {
  static constexpr std::array<const Kernels*, 1> kAll = {&kScalar};
  return kAll;
}

}  // namespace nibble::quantize
