// The instruction sets of x86-64 that the quantizer has loops for.
#include <array>

#include "quantize/kernels.h"

namespace nibble::quantize {

std::span<const Kernels* const> all_kernels() {
  static constexpr std::array<const Kernels*, 2> kAll = {&kAvx2, &kScalar};
  return kAll;
}

}  // namespace nibble::quantize
