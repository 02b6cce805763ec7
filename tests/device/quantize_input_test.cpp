// Activation rounding of FP8_DYNAMIC and W4A4, bit for bit as compressed-tensors does it, in f32 and in bf16 models.
#include "device/cpu/quantize_input.h"

#include <gtest/gtest.h>

#include "base/json.h"
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
      const Activations activations = f32 ? Activations::kF32 : Activations::kBF16;
      const auto x = golden.floats(base + ".x"), expected = golden.floats(tensor.name);
      const int cols = int(tensor.shape.back());
      if (scheme == "FP8_DYNAMIC") {
        expect_equal_rows(
            x, cols, expected, [&](float* row) { quantize_fp8_per_token(row, cols, activations); }, tensor.name);
      } else if (scheme.starts_with("NVFP4.")) {
        const float scale = global_scale(scheme.substr(6));
        expect_equal_rows(
            x, cols, expected, [&](float* row) { quantize_nvfp4(row, cols, scale, activations); }, tensor.name);
      } else {
        continue;  // static FP8 activations belong to no scheme we read
      }
      ++compared;
    }
  }
  EXPECT_GE(compared, 8);
  std::printf("%d cases\n", compared);
}

}  // namespace
}  // namespace nibble::device::cpu
