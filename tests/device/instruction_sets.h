// Tests that run once for each instruction set of the CPU kernels, reported as skipped where this CPU lacks
// it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

inline constexpr double kUnit = 0x1p-24;  // half an ulp of 1: what one rounding can do, relatively
inline constexpr float kUntouched = 12345.0f;

class InstructionSet : public ::testing::TestWithParam<const Kernels*> {
 protected:
  void SetUp() override {
    if (!kernels().runs_here())
      GTEST_SKIP() << "this CPU lacks the instructions of the " << kernels().name << " kernels";
  }
  static const Kernels& kernels() { return *GetParam(); }
};

inline auto every_set() { return ::testing::ValuesIn(all_kernels().begin(), all_kernels().end()); }
// Those that are compared with the scalar kernels, which come last.
inline auto every_vector_set() { return ::testing::ValuesIn(all_kernels().begin(), all_kernels().end() - 1); }
inline std::string name_of_set(const ::testing::TestParamInfo<const Kernels*>& info) { return info.param->name; }

// Of the entries beyond their bound the one furthest off; nothing if all are within.
template <typename Bound>
std::string worst(const std::vector<float>& found, const std::vector<float>& expected, const Bound& bound) {
  double largest = 0;
  std::string text;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == expected[i]) continue;
    const double ratio = std::abs(double(found[i]) - double(expected[i])) / bound(i);
    if (ratio <= 1 || (ratio <= largest && !std::isnan(ratio))) continue;
    largest = ratio;
    text = fmt::format("index {}: {} found, {} expected, {:.3g} times the bound", i, found[i], expected[i], ratio);
  }
  return text;
}

}  // namespace nibble::device::cpu
