// Single tensors and fused groups as llm-compressor stores them, byte for byte, with every instruction set's loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "format/bf16.h"
#include "format/fp8.h"
#include "format/nvfp4.h"
#include "quantize/kernels.h"
#include "support/goldens.h"

namespace nibble::quantize {
namespace {

constexpr std::string_view kPrefix = "weight.";

// Tensors with one key share a global scale.
std::string group_of(const std::string& name) {
  const std::string leaf = name.substr(name.rfind('.') + 1), parent = name.substr(0, name.rfind('.'));
  if (name.starts_with("single.")) return name;
  if (leaf == "q_proj" || leaf == "k_proj" || leaf == "v_proj") return parent + ".qkv";
  if (leaf == "gate_proj" || leaf == "up_proj") return parent + ".gate_up";
  return name;
}

class QuantGoldens : public ::testing::Test {
 protected:
  void SetUp() override {
    folders_ = testing::golden_folders("model/quant");
    ASSERT_FALSE(folders_.empty());
  }
  static std::vector<std::string> weights_of(const testing::GoldenFile& golden) {
    std::vector<std::string> names;
    for (const format::TensorInfo& tensor : golden.tensors())
      if (tensor.name.starts_with(kPrefix)) names.push_back(tensor.name.substr(kPrefix.size()));
    return names;
  }
  std::vector<fs::path> folders_;
};

TEST_F(QuantGoldens, Nvfp4IsByteForByte) {
  for (const fs::path& folder : folders_) {
    const testing::GoldenFile golden(folder / "goldens.safetensors");
    std::map<std::string, float> global_scales;
    for (const std::string& name : weights_of(golden)) {
      const auto values = golden.raw<std::uint16_t>("weight." + name);
      const float scale =
          format::nvfp4_global_scale(format::bf16_to_f32(kScalar.largest_magnitude(values.data(), values.size())));
      const auto [entry, added] = global_scales.emplace(group_of(name), scale);
      if (!added) entry->second = std::min(entry->second, scale);
    }
    int compared = 0;
    for (const std::string& name : weights_of(golden)) {
      const auto values = golden.raw<std::uint16_t>("weight." + name);
      const int cols = int(golden.info("weight." + name).shape[1]), rows = int(values.size()) / cols;
      const float global = global_scales.at(group_of(name));
      EXPECT_EQ(golden.raw<float>("NVFP4A16." + name + ".weight_global_scale")[0], global) << name;
      for (const Kernels* kernels : all_kernels()) {
        if (!kernels->runs_here()) continue;
        std::vector<std::uint8_t> codes(values.size() / 2), scales(values.size() / format::kNvfp4Block);
        ErrorSums sums;
        for (int r = 0; r < rows; ++r)
          kernels->nvfp4_row({values.data() + r * cols, cols, global, codes.data() + r * cols / 2,
                              scales.data() + r * cols / format::kNvfp4Block},
                             sums);
        EXPECT_EQ(golden.raw<std::uint8_t>("NVFP4A16." + name + ".weight_packed"), codes) << name << kernels->name;
        EXPECT_EQ(golden.raw<std::uint8_t>("NVFP4A16." + name + ".weight_scale"), scales) << name << kernels->name;
        ++compared;
      }
    }
    EXPECT_GT(compared, 0);
  }
}

TEST_F(QuantGoldens, Fp8IsByteForByte) {
  for (const fs::path& folder : folders_) {
    const testing::GoldenFile golden(folder / "goldens.safetensors");
    int compared = 0;
    for (const std::string& name : weights_of(golden)) {
      const auto values = golden.raw<std::uint16_t>("weight." + name);
      const int cols = int(golden.info("weight." + name).shape[1]), rows = int(values.size()) / cols;
      for (const Kernels* kernels : all_kernels()) {
        if (!kernels->runs_here()) continue;
        std::vector<std::uint8_t> codes(values.size());
        std::vector<std::uint16_t> scales;
        ErrorSums sums;
        for (int r = 0; r < rows; ++r) {
          const std::uint16_t* row = values.data() + r * cols;
          scales.push_back(format::fp8_scale(format::bf16_to_f32(kernels->largest_magnitude(row, std::size_t(cols)))));
          kernels->fp8_row(row, cols, scales.back(), codes.data() + r * cols, sums);
        }
        EXPECT_EQ(golden.raw<std::uint16_t>("FP8_DYNAMIC." + name + ".weight_scale"), scales) << name << kernels->name;
        EXPECT_EQ(golden.raw<std::uint8_t>("FP8_DYNAMIC." + name + ".weight"), codes) << name << kernels->name;
        ++compared;
      }
    }
    EXPECT_GT(compared, 0);
  }
}

}  // namespace
}  // namespace nibble::quantize
