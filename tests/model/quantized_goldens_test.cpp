// Quantized checkpoints written by llm-compressor: our logits against those of the reference on the same files.
#include <gtest/gtest.h>

#include <cstdio>

#include "device/cpu/cpu_device.h"
#include "support/goldens.h"
#include "support/text_model.h"

namespace nibble::model {
namespace {

using testing::difference;
using testing::GoldenFile;
using testing::TextModel;

std::string expected_logits(const GoldenFile& golden, const std::string& scheme, const std::string& prompt) {
  const std::string both = scheme + "." + prompt + ".logits_f32_with_activation_quant";
  return golden.has(both) ? both : scheme + "." + prompt + ".logits_f32_weights_only";
}

TEST(QuantizedGoldens, LogitsMatchTheReferenceOnItsOwnFiles) {
  auto folders = testing::golden_folders("model/quant-model");
  ASSERT_FALSE(folders.empty());
  for (const fs::path& moe : testing::golden_folders("model/quant-model-26b-a4b-like")) folders.push_back(moe);
  for (const fs::path& folder : folders) {
    const GoldenFile golden(folder / "goldens.safetensors");
    for (const std::string scheme : {"NVFP4A16", "FP8_DYNAMIC", "NVFP4"}) {
      if (!fs::exists(folder / scheme)) continue;
      SCOPED_TRACE((folder / scheme).string());
      TextModel reference((folder / scheme).string(), true, 64), fast((folder / scheme).string(), false, 64);
      for (const std::string prompt : {"prompt0", "prompt1"}) {
        const auto ids = golden.ids(prompt + ".input_ids");
        const auto expected = golden.floats(expected_logits(golden, scheme, prompt));
        const auto ours = difference(reference.logits(ids), expected);
        const auto quick = difference(fast.logits(ids), expected);
        const auto theirs = difference(golden.floats(scheme + "." + prompt + ".logits_bf16"), expected);
        const auto lost = difference(golden.floats(prompt + ".unquantized_logits_f32"), expected);
        std::printf("%s %s: reference mean %.2e max %.2e; cpu %.4f; bf16 reference %.4f; quantization %.4f\n",
                    scheme.c_str(), prompt.c_str(), ours.mean, ours.max, quick.mean, theirs.mean, lost.mean);
        if (scheme == "NVFP4A16") {
          EXPECT_LT(ours.max, 5e-3);
        } else {
          // Rounded activations: a value that sits on a rounding boundary may fall either way, as between the
          // reference's own f32 and f64, so only the mean is bounded: by what bf16 arithmetic costs the reference.
          EXPECT_LT(ours.mean, 0.5 * theirs.mean);
        }
        EXPECT_LT(quick.mean, 1.5 * std::max(theirs.mean, 0.02));
        EXPECT_LT(quick.mean, lost.mean);
      }
    }
  }
}

}  // namespace
}  // namespace nibble::model
