// Which of the quantizer's loops run: the best this CPU has, or those that CPU_KERNELS names. Its other names belong to
// instruction sets the quantizer has no loops for; they get the best that runs.
#include <array>
#include <cstdlib>
#include <string_view>

#include "quantize/kernels.h"

namespace nibble::quantize {
namespace {

constexpr std::array<const Kernels*, 2> kAll = {&kAvx2, &kScalar};

}  // namespace

std::span<const Kernels* const> all_kernels() { return kAll; }

const Kernels& select_kernels() {
  const char* forced = std::getenv("CPU_KERNELS");
  if (forced != nullptr && std::string_view(forced) == kScalar.name) return kScalar;
  return kAvx2.runs_here() ? kAvx2 : kScalar;
}

}  // namespace nibble::quantize
