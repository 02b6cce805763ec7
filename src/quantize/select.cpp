// Which of the quantizer's loops run: the best this CPU has, or those that CPU_KERNELS names. Its other names belong to
// instruction sets the quantizer has no loops for; they get the best that runs.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "quantize/kernels.h"

namespace nibble::quantize {

const Kernels& select_kernels() {
  const char* forced = std::getenv("CPU_KERNELS");
  if (forced != nullptr && std::string_view(forced) == kScalar.name) return kScalar;
  return **std::ranges::find_if(all_kernels(), [](const Kernels* kernels) { return kernels->runs_here(); });
}

}  // namespace nibble::quantize
