// Which instruction set runs: the best this CPU has, or the one CPU_KERNELS names.
#include <cpuid.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {
namespace {

constexpr std::array<const Kernels*, 3> kAll = {&kAvx512, &kAvx2, &kScalar};

}  // namespace

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

std::span<const Kernels* const> all_kernels() { return kAll; }

const Kernels& select_kernels() {
  const char* forced = std::getenv("CPU_KERNELS");
  std::string names;
  for (const Kernels* kernels : kAll) {
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
