// The instruction sets of Arm's 64 bits.
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <array>

#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

std::span<const Kernels* const> all_kernels() {
  static constexpr std::array<const Kernels*, 2> kAll = {&kNeon, &kScalar};
  return kAll;
}

bool has_neon() {
  constexpr unsigned long kMatrix = HWCAP2_I8MM | HWCAP2_BF16;
  return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0 && (::getauxval(AT_HWCAP2) & kMatrix) == kMatrix;
}

}  // namespace nibble::device::cpu
