// Which instruction set runs: the best this CPU has, or the one CPU_KERNELS names.
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

const Kernels& select_kernels() {
  const char* forced = std::getenv("CPU_KERNELS");
  std::string names;
  for (const Kernels* kernels : all_kernels()) {
    if (forced == nullptr || *forced == '\0') {
      if (kernels->runs_here()) return *kernels;
      continue;
    }
    if (std::string_view(forced) == kernels->name) {
      if (!kernels->runs_here()) throw Error("CPU_KERNELS={}: this CPU lacks its instructions", forced);
      return *kernels;
    }
    names += names.empty() ? kernels->name : std::string(", ") + kernels->name;
  }
  throw Error("CPU_KERNELS={}: expected one of {}", forced, names);
}

}  // namespace nibble::device::cpu
