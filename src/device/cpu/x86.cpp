// The instruction sets of x86-64.
#include <cpuid.h>

#include <array>

#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

std::span<const Kernels* const> all_kernels() {
  static constexpr std::array<const Kernels*, 3> kAll = {&kAvx512, &kAvx2, &kScalar};
  return kAll;
}

bool has_avx2() {
  unsigned eax, ebx, ecx = 0, edx;  // clang 14's __builtin_cpu_supports does not know f16c
  const bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace nibble::device::cpu
