// The elementwise kernels of every instruction set, and which set is picked. docs/numerics.md, "Kernels",
// derives the bounds; matmul_test.cpp and attention_test.cpp hold the others.
#include "device/cpu/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "instruction_sets.h"

namespace nibble::device::cpu {
namespace {

class Elementwise : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, Elementwise, every_set(), name_of_set);

TEST_P(Elementwise, GeluIsWithinItsBound) {
  constexpr double kTwiceRootOfTwoOverPi = 1.5957691216057308;
  std::vector<float> gate = {0.0f, -0.0f, 1e-30f, -1e-30f, 1e-40f, 3e38f, -3e38f, 1e20f, -1e20f, 1e10f, -1e10f};
  for (double x = -40; x < 40; x += 0x1.3p-14) gate.push_back(float(x));
  while (gate.size() % 16 != 5) gate.push_back(1.0f);  // a remainder for every vector length
  std::vector<float> up(gate.size());
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = float(int(i % 7) - 3) * 0.37f;
  std::vector<float> out(gate.size());
  kernels().gelu_multiply(gate.data(), up.data(), out.data(), int(gate.size()));
  double largest = 0;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double x = double(gate[i]), t = -kTwiceRootOfTwoOverPi * (x + 0.044715 * x * x * x), e = std::exp(t);
    const double expected = x / (1 + e) * double(up[i]);
    const double share = std::isinf(e) ? 1 : e / (1 + e);
    const double relative = share == 0 || std::isinf(e) ? 3 : (4 * std::abs(t) + 4) * share + 3;
    const double bound = &kernels() == &kScalar ? 6 * kUnit * std::abs(x * double(up[i])) + 0x1p-140
                                                : 1.01 * relative * kUnit * std::abs(expected) +
                                                      0x1p-124 * std::abs(double(up[i])) + 0x1p-149;
    const double error = std::abs(double(out[i]) - expected);
    if (bound > 0) largest = std::max(largest, error / bound);
    ASSERT_LE(error, bound) << "gelu(" << gate[i] << ") * " << up[i] << ": " << out[i] << " found, " << expected
                            << " expected";
  }
  RecordProperty("largest_share_of_bound", fmt::format("{:.3f}", largest));
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float special[] = {inf, -inf, nan}, ones[] = {1, 1, 1};
  float result[3];
  kernels().gelu_multiply(special, ones, result, 3);
  EXPECT_EQ(result[0], inf);
  EXPECT_TRUE(std::isnan(result[1]));  // as the reference's -inf * 0
  EXPECT_TRUE(std::isnan(result[2]));
}

// Whatever the number of elements: each as in a long run, nothing beyond the last, and gate may be out.
TEST_P(Elementwise, GeluOfEveryLength) {
  std::vector<float> gate, up;
  for (int i = 0; i < 70; ++i) {
    gate.push_back(float(i % 13 - 6) * 0.7f);
    up.push_back(float(i % 7 - 3) * 0.4f);
  }
  std::vector<float> whole(gate.size());
  kernels().gelu_multiply(gate.data(), up.data(), whole.data(), int(whole.size()));
  for (std::size_t n = 0; n < gate.size(); ++n) {
    std::vector<float> out(gate.size(), kUntouched), in_place = gate;
    kernels().gelu_multiply(gate.data(), up.data(), out.data(), int(n));
    kernels().gelu_multiply(in_place.data(), up.data(), in_place.data(), int(n));
    for (std::size_t i = 0; i < gate.size(); ++i) {
      ASSERT_EQ(out[i], i < n ? whole[i] : kUntouched) << "element " << i << " of " << n;
      ASSERT_EQ(in_place[i], i < n ? whole[i] : gate[i]) << "element " << i << " of " << n << ", in place";
    }
  }
}

// Of the quotient, of tanh (5 units, docs/numerics.md) and of the product.
TEST_P(Elementwise, SoftcapIsWithinItsBound) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float cap : {30.0f, 0.7f}) {
    std::vector<float> x = {0.0f, -0.0f, 1e-38f, -1e-38f, 1e-30f, 3e38f, -3e38f, inf, -inf};
    for (double at = -20; at < 20; at += 0x1.3p-14) x.push_back(float(at * double(cap)));
    while (x.size() % 16 != 5) x.push_back(1.0f);
    std::vector<float> out = x;
    kernels().softcap(out.data(), cap, int(out.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = double(cap) * std::tanh(double(x[i]) / double(cap));
      ASSERT_LE(std::abs(double(out[i]) - expected), 7 * kUnit * std::abs(expected) + double(cap + 1) * 0x1p-149)
          << "softcap(" << x[i] << ", " << cap << "): " << out[i] << " found, " << expected << " expected";
      ASSERT_EQ(std::signbit(out[i]), std::signbit(x[i])) << x[i];
    }
  }
  float nan[] = {std::nanf("")};
  kernels().softcap(nan, 30, 1);
  EXPECT_TRUE(std::isnan(nan[0]));
}

TEST_P(Elementwise, SoftcapOfEveryLength) {
  std::vector<float> x, whole;
  for (int i = 0; i < 70; ++i) x.push_back(float(i % 13 - 6) * 7.3f);
  whole = x;
  kernels().softcap(whole.data(), 30, int(whole.size()));
  for (std::size_t n = 0; n < x.size(); ++n) {
    std::vector<float> out = x;
    kernels().softcap(out.data(), 30, int(n));
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(out[i], i < n ? whole[i] : x[i]) << i << " of " << n;
  }
}

TEST_P(Elementwise, SumOfSquaresIsWithinItsRoundings) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  std::vector<int> sizes = {100, 127, 128, 129, 256, 2560, 10240};
  for (int n = 0; n <= 66; ++n) sizes.push_back(n);
  for (const int n : sizes) {
    std::vector<float> x;
    double expected = 0;
    for (int i = 0; i < n; ++i) {
      x.push_back(normal(random));
      expected += double(x.back()) * double(x.back());
    }
    EXPECT_NEAR(double(kernels().sum_of_squares(x.data(), n)), expected, (n + 6) * kUnit * expected) << "n " << n;
  }
}

class CpuKernels : public ::testing::Test {
 protected:
  void TearDown() override { ::unsetenv("CPU_KERNELS"); }
};

TEST_F(CpuKernels, PicksTheNamedOne) {
  for (const Kernels* kernels : all_kernels()) {
    if (!kernels->runs_here()) continue;
    ::setenv("CPU_KERNELS", kernels->name, 1);
    EXPECT_EQ(&select_kernels(), kernels);
    const std::string description = make_cpu_device({.n_threads = 1})->describe();
    EXPECT_NE(description.find(fmt::format("{} kernels", kernels->name)), std::string::npos) << description;
  }
}

TEST_F(CpuKernels, PicksTheFirstThatRunsHere) {
  ::unsetenv("CPU_KERNELS");
  const auto runs = [](const Kernels* kernels) { return kernels->runs_here(); };
  EXPECT_EQ(&select_kernels(), *std::ranges::find_if(all_kernels(), runs));
  EXPECT_STREQ(all_kernels().back()->name, "scalar");
}

TEST_F(CpuKernels, RefusesWhatIsUnknownOrCannotRun) {
  const auto message = [](const char* name) -> std::string {
    ::setenv("CPU_KERNELS", name, 1);
    try {
      select_kernels();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  std::vector<std::string_view> names;
  for (const Kernels* kernels : all_kernels()) names.push_back(kernels->name);
  EXPECT_EQ(message("sse9"), fmt::format("CPU_KERNELS=sse9: expected one of {}", fmt::join(names, ", ")));
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->runs_here()) continue;
    EXPECT_EQ(message(kernels->name), fmt::format("CPU_KERNELS={}: this CPU lacks its instructions", kernels->name));
  }
}

}  // namespace
}  // namespace nibble::device::cpu
