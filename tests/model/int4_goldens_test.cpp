// A pack-quantized int4 checkpoint written by llm-compressor: its weights bit for bit, its logits as the
// reference's.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "model/linear.h"
#include "support/error_text.h"
#include "support/goldens.h"
#include "support/process.h"
#include "support/text_model.h"

namespace nibble::model {
namespace {

using testing::difference;
using testing::GoldenFile;
using testing::TextModel;

fs::path folder() {
  return testing::own_goldens() / "model" / "int4-model";
}
std::string checkpoint() {
  return (folder() / "W4A16G32").string();
}

// The product with the unit matrix is the weight as the device's kernels see it.
std::vector<float> decoded(const device::MatrixSource& source, device::Device& device) {
  const auto matrix = device.load({&source, 1});
  const auto unit = device.allocate(source.cols, source.cols),
             out = device.allocate(source.cols, source.rows);
  std::vector<float> values(std::size_t(source.cols) * std::size_t(source.cols));
  for (std::size_t i = 0; i < std::size_t(source.cols); ++i) values[i * std::size_t(source.cols) + i] = 1;
  device.write(values, unit->array());
  device.matmul(unit->array(), *matrix, out->array());
  values.resize(std::size_t(source.cols) * std::size_t(source.rows));
  device.read(out->array(), values);
  return values;  // [cols, rows]: transposed
}

TEST(Int4Goldens, WeightsDecodeBitForBit) {
  const GoldenFile golden(folder() / "goldens.safetensors");
  const auto device = device::make_cpu_device({.n_threads = 1, .reference = true});
  const format::Checkpoint files = format::Checkpoint::open(checkpoint());
  const format::Gemma4Config config = format::load_gemma4_config(checkpoint());
  const LoadOptions options;
  const LinearLoader loader(files, config, *device, options);
  int n_int4 = 0;
  for (const format::TensorInfo& tensor : golden.tensors()) {
    const std::string prefix = "W4A16G32.decompressed.", suffix = ".weight";
    if (!tensor.name.starts_with(prefix)) continue;
    const std::string module =
        tensor.name.substr(prefix.size(), tensor.name.size() - prefix.size() - suffix.size());
    const int rows = int(tensor.shape[0]), cols = int(tensor.shape[1]);
    const device::MatrixSource source = loader.source(module, {rows, cols});
    n_int4 += source.storage == device::Storage::kInt4;
    const auto found = decoded(source, *device);
    const auto expected = golden.raw<std::uint16_t>(tensor.name);
    for (std::size_t r = 0; r < std::size_t(rows); ++r)
      for (std::size_t c = 0; c < std::size_t(cols); ++c)
        ASSERT_EQ(format::f32_to_bf16(found[c * std::size_t(rows) + r]), expected[r * std::size_t(cols) + c])
            << module << " at " << r << ", " << c;
  }
  EXPECT_EQ(n_int4, 8);  // q, k, v, o, gate, up, down and the PLE gate of layer 0
}

TEST(Int4Goldens, LogitsMatchTheReference) {
  const GoldenFile golden(folder() / "goldens.safetensors");
  TextModel reference(checkpoint(), true, 64), fast(checkpoint(), false, 64);
  for (const std::string prompt : {"prompt0", "prompt1"}) {
    const auto ids = golden.ids(prompt + ".input_ids");
    const auto expected = golden.floats("W4A16G32." + prompt + ".logits_f32_weights_only");
    const auto ours = difference(reference.logits(ids), expected);
    const auto quick = difference(fast.logits(ids), expected);
    const auto theirs = difference(golden.floats("W4A16G32." + prompt + ".logits_bf16"), expected);
    const auto lost = difference(golden.floats(prompt + ".unquantized_logits_f32"), expected);
    std::printf(
        "W4A16G32 %s: reference mean %.2e max %.2e; cpu %.4f; bf16 reference %.4f; quantization %.4f\n",
        prompt.c_str(), ours.mean, ours.max, quick.mean, theirs.mean, lost.mean);
    EXPECT_LT(ours.max, 5e-3);
    EXPECT_LT(quick.mean, 1.5 * std::max(theirs.mean, 0.02));
    EXPECT_LT(quick.mean, lost.mean);
  }
}

// A checkpoint whose configuration says another group size than its scales have.
TEST(Int4Goldens, ScalesMustFitTheGroups) {
  const testing::TemporaryDirectory temporary;
  fs::copy(checkpoint(), temporary.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string text = testing::read_all(temporary.file("config.json"));
  const auto load_with = [&](const std::string& group_size) {
    std::ofstream(temporary.file("config.json"))
        << testing::replaced(text, "\"group_size\": 32", "\"group_size\": " + group_size);
    return testing::error_of(
        [&] {
          const auto device = device::make_cpu_device({.n_threads = 1, .reference = true});
          load_weights(temporary.path(), *device);
        },
        temporary.path());
  };
  EXPECT_EQ(load_with("32"), "no error");
  EXPECT_EQ(load_with("16"),
            "DIR: tensor 'model.language_model.per_layer_model_projection.weight_scale': expected shape "
            "[96, 4], found [96, 2]");
  EXPECT_EQ(load_with("48"),
            "DIR: 'model.language_model.per_layer_model_projection': int4 groups of 48 do not divide 64 "
            "columns into multiples of 16");
}

}  // namespace
}  // namespace nibble::model
