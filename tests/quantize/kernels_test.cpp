// Every instruction set's loops give the scalar ones' bits, on any value that a checkpoint may hold.
#include "quantize/kernels.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "format/bf16.h"
#include "format/fp8.h"
#include "format/nvfp4.h"

namespace nibble::quantize {
namespace {

constexpr std::uint16_t kInfinity = 0x7f80;

// Rows that a rounding can go wrong on: magnitudes of every size, zeros of both signs, subnormals, ties, equal blocks.
std::vector<std::uint16_t> row(std::mt19937& random, int cols, int kind) {
  std::vector<std::uint16_t> values;
  std::uniform_int_distribution<int> bits(0, 0xffff);
  std::normal_distribution<float> normal(0, 0.02f);
  const float codes[] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f, 1.5f, 1.75f, 2, 2.5f, 3, 3.5f, 4, 5, 6};
  for (int i = 0; i < cols; ++i) {
    switch (kind) {
      case 0: values.push_back(format::f32_to_bf16(normal(random))); break;
      case 1: values.push_back(std::uint16_t(bits(random) & ((bits(random) & 1) ? 0x807f : 0xbfff))); break;  // finite
      case 2: values.push_back(bits(random) % 3 == 0 ? 0x8000 : 0); break;
      case 3: values.push_back(std::uint16_t((bits(random) & 0x8000) | (bits(random) & 0x7f))); break;  // subnormal
      case 4: {
        const float value = codes[bits(random) % 15] * 0.0078125f;
        values.push_back(format::f32_to_bf16(bits(random) & 1 ? -value : value));
        break;
      }
      default: values.push_back(format::f32_to_bf16(i % 32 < 16 ? 0.0f : normal(random) * 1e-30f)); break;
    }
  }
  return values;
}

// Sums are for a report: vector loops add squares in f32, where those below 1e-38 vanish.
void expect_near(const ErrorSums& expected, const ErrorSums& found, int cols) {
  const double bound = 1e-5 * expected.weight + cols * 1e-37;
  EXPECT_NEAR(expected.weight, found.weight, bound);
  EXPECT_NEAR(expected.error, found.error, bound);
}

class QuantizeKernels : public ::testing::TestWithParam<const Kernels*> {
 protected:
  void SetUp() override {
    if (!GetParam()->runs_here()) GTEST_SKIP() << "this CPU has no " << GetParam()->name;
  }
};

TEST_P(QuantizeKernels, FindsTheLargestMagnitude) {
  std::mt19937 random(1);
  for (int n : {1, 2, 15, 16, 17, 31, 64, 100, 1000}) {
    for (int kind = 0; kind < 6; ++kind) {
      std::vector<std::uint16_t> values = row(random, n, kind);
      EXPECT_EQ(GetParam()->largest_magnitude(values.data(), values.size()),
                kScalar.largest_magnitude(values.data(), values.size()));
      const std::size_t at = random() % values.size();
      values[at] = random() % 2 == 0 ? kInfinity : 0xffc0;
      EXPECT_GE(GetParam()->largest_magnitude(values.data(), values.size()), kInfinity) << "at " << at << " of " << n;
    }
  }
}

TEST_P(QuantizeKernels, GiveTheScalarNvfp4Bits) {
  std::mt19937 random(2);
  for (int cols : {16, 32, 48, 64, 80, 176, 2560}) {
    for (int kind = 0; kind < 6; ++kind) {
      for (int repeat = 0; repeat < 8; ++repeat) {
        const std::vector<std::uint16_t> values = row(random, cols, kind);
        const float largest = format::bf16_to_f32(kScalar.largest_magnitude(values.data(), values.size()));
        // A fused group's scale may come from another tensor, larger or far larger than this one.
        const float global = format::nvfp4_global_scale(largest * (repeat < 4 ? 1.0f : repeat * 7.5f));
        std::vector<std::uint8_t> codes[2], scales[2];
        ErrorSums sums[2];
        for (int k = 0; k < 2; ++k) {
          codes[k].resize(std::size_t(cols / 2));
          scales[k].resize(std::size_t(cols / format::kNvfp4Block));
          (k == 0 ? kScalar : *GetParam())
              .nvfp4_row({values.data(), cols, global, codes[k].data(), scales[k].data()}, sums[k]);
        }
        ASSERT_EQ(codes[0], codes[1]) << "kind " << kind << ", " << cols << " columns, global scale " << global;
        ASSERT_EQ(scales[0], scales[1]) << "kind " << kind << ", " << cols << " columns, global scale " << global;
        expect_near(sums[0], sums[1], cols);
      }
    }
  }
}

TEST_P(QuantizeKernels, GiveTheScalarFp8Bits) {
  std::mt19937 random(3);
  for (int cols : {1, 7, 16, 17, 33, 64, 2560}) {
    for (int kind = 0; kind < 6; ++kind) {
      for (int repeat = 0; repeat < 8; ++repeat) {
        const std::vector<std::uint16_t> values = row(random, cols, kind);
        const std::uint16_t scale =
            format::fp8_scale(format::bf16_to_f32(kScalar.largest_magnitude(values.data(), values.size())));
        std::vector<std::uint8_t> codes[2];
        ErrorSums sums[2];
        for (int k = 0; k < 2; ++k) {
          codes[k].resize(std::size_t(cols));
          (k == 0 ? kScalar : *GetParam()).fp8_row(values.data(), cols, scale, codes[k].data(), sums[k]);
        }
        ASSERT_EQ(codes[0], codes[1]) << "kind " << kind << ", " << cols << " columns";
        expect_near(sums[0], sums[1], cols);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, QuantizeKernels, ::testing::ValuesIn(all_kernels().begin(), all_kernels().end()),
                         [](const auto& tested) { return std::string(tested.param->name); });

}  // namespace
}  // namespace nibble::quantize
