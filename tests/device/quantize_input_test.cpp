// Activation rounding of FP8_DYNAMIC and W4A4, bit for bit as compressed-tensors does it, in f32 and in bf16 models.
#include "device/cpu/quantize_input.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/json.h"
#include "format/bf16.h"
#include "support/goldens.h"

namespace nibble::device::cpu {
namespace {

using testing::GoldenFile;

void expect_equal_rows(std::vector<float> x, int cols, const std::vector<float>& expected, auto&& quantize,
                       const std::string& name) {
  for (std::size_t begin = 0; begin < x.size(); begin += std::size_t(cols)) quantize(x.data() + begin);
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(x[i], expected[i]) << name << " at row " << i / std::size_t(cols) << ", column " << i % std::size_t(cols);
}

TEST(QuantizeInput, EqualsTheReferenceBitForBit) {
  const auto folders = testing::golden_folders("model/quant");
  ASSERT_FALSE(folders.empty());
  int compared = 0;
  for (const fs::path& folder : folders) {
    const GoldenFile golden(folder / "goldens.safetensors");
    const json::value info = parse_json_file((folder / "goldens.json").string());
    const auto global_scale = [&](const std::string& name) {
      return info.at("activation_input_global_scales").at(name).to_number<float>();
    };
    for (const format::TensorInfo& tensor : golden.tensors()) {
      const bool f32 = tensor.name.starts_with("activation.f32."), bf16 = tensor.name.starts_with("activation.bf16.");
      if ((!f32 && !bf16) || !tensor.name.ends_with(".fake_quant")) continue;
      const std::size_t kind = tensor.name.find('.', 11 + (bf16 ? 5 : 4));
      const std::string base = tensor.name.substr(0, kind);
      const std::string scheme = tensor.name.substr(kind + 1, tensor.name.size() - kind - 1 - sizeof("fake_quant"));
      const auto x = golden.floats(base + ".x"), expected = golden.floats(tensor.name);
      const int cols = int(tensor.shape.back());
      if (scheme == "FP8_DYNAMIC") {
        expect_equal_rows(
            x, cols, expected, [&](float* row) { quantize_fp8_per_token(row, cols, bf16); }, tensor.name);
      } else if (scheme.starts_with("NVFP4.")) {
        const float scale = global_scale(scheme.substr(6));
        expect_equal_rows(
            x, cols, expected, [&](float* row) { quantize_nvfp4(row, cols, scale, bf16); }, tensor.name);
      } else {
        continue;  // static FP8 activations belong to no scheme we read
      }
      ++compared;
    }
  }
  EXPECT_GE(compared, 8);
  std::printf("%d cases\n", compared);
}

std::vector<float> values_of_every_size() {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> x(16 * 300);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = format::round_to_bf16(std::ldexp(normal(random), int(i / 16) % 60 - 30));  // blocks of every size
  std::fill_n(x.begin() + 32, 16, 0.0f);
  return x;
}

// The integers times their scale are what the reference's form (held to its bits above) rounds to bf16.
TEST(QuantizeInput, IntegersOfNvfp4AreTheReferencesCodes) {
  constexpr float kGlobalScale = 7.5f;
  std::vector<float> x = values_of_every_size(), expected = x;
  std::vector<float> scales(x.size() / 16);
  quantize_nvfp4_to_integers(x.data(), int(scales.size()), kGlobalScale, scales.data());
  quantize_nvfp4(expected.data(), int(expected.size()), kGlobalScale, true);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i], std::round(x[i]));
    EXPECT_LE(std::abs(x[i]), 12);
    EXPECT_EQ(format::round_to_bf16(x[i] * scales[i / 16]), expected[i]) << i;
  }
}

TEST(QuantizeInput, Int8IsWithinHalfAStep) {
  const std::vector<float> x = values_of_every_size();
  std::vector<float> codes = x, scales(x.size() / 16);
  quantize_int8(codes.data(), int(scales.size()), scales.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(codes[i], std::round(codes[i]));
    EXPECT_LE(std::abs(codes[i]), 127);
    EXPECT_LE(std::abs(codes[i] * scales[i / 16] - x[i]), 0.5001f * scales[i / 16]) << i;
  }
}

TEST(QuantizeInput, Int8OfNothingAndOfNoNumber) {
  for (const float value : {0.0f, 1e-40f, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(16, 0.0f);
    x[3] = value;
    float scale = 1;
    quantize_int8(x.data(), 1, &scale);
    EXPECT_EQ(x, std::vector<float>(16, 0.0f)) << value;
    EXPECT_EQ(std::isnan(scale), !std::isfinite(value)) << value;  // and so is the product, as it should be
  }
}

}  // namespace
}  // namespace nibble::device::cpu
