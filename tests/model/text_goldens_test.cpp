// The text model against transformers: tiny random checkpoints of each Gemma 4 form, with their activations and logits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/goldens.h"
#include "support/text_model.h"

namespace nibble::model {
namespace {

using testing::difference;
using testing::Difference;
using testing::GoldenFile;
using testing::TextModel;

constexpr const char* kForms[] = {"text-e4b-like", "text-e2b-like", "text-26b-a4b-like", "text-31b-like"};

struct Case {
  fs::path folder;
  std::string name() const { return folder.string(); }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* form : kForms)
    for (const fs::path& folder : testing::golden_folders(fs::path("model") / form)) all.push_back({folder});
  return all;
}

std::string golden_activation(std::string_view name, int layer) {
  char number[8];
  std::snprintf(number, sizeof number, "%02d", layer);
  if (name == "layer") return std::string("hidden.layer") + number;
  if (name == "embed" || name == "norm") return "hidden." + std::string(name);
  return std::string("sub.layer") + number + "." + std::string(name);
}

TEST(TextGoldens, ReferenceDeviceMatchesEveryF32Logit) {
  ASSERT_FALSE(cases().empty());
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    const GoldenFile golden(c.folder / "goldens.safetensors");
    TextModel model((c.folder / "model").string(), true, 64);
    for (int p = 0; golden.has("prompt" + std::to_string(p) + ".input_ids"); ++p) {
      const std::string prompt = "prompt" + std::to_string(p);
      const auto expected = golden.floats(prompt + ".logits_f32");
      const Difference d = difference(model.logits(golden.ids(prompt + ".input_ids")), expected);
      EXPECT_LT(d.max, 5e-3) << prompt << " at " << d.worst;
      std::printf("%s %s: max %.2e mean %.2e\n", c.folder.filename().c_str(), prompt.c_str(), d.max, d.mean);
    }
  }
}

TEST(TextGoldens, ReferenceDeviceMatchesEveryActivation) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    const GoldenFile golden(c.folder / "goldens.safetensors");
    if (!golden.has("hidden.embed")) continue;
    // The prompt whose activations are listed has as many tokens as hidden.embed has rows.
    std::string prompt;
    for (int p = 0; golden.has("prompt" + std::to_string(p) + ".input_ids"); ++p)
      if (golden.info("prompt" + std::to_string(p) + ".input_ids").shape[0] == golden.info("hidden.embed").shape[0])
        prompt = "prompt" + std::to_string(p);
    ASSERT_FALSE(prompt.empty());
    TextModel model((c.folder / "model").string(), true, 64);
    int compared = 0;
    double share = 0;
    Observer observer;
    observer.activation = [&](std::string_view name, int layer, device::Array value) {
      const std::string tensor = golden_activation(name, layer);
      if (!golden.has(tensor)) return;
      std::vector<float> found(std::size_t(value.rows) * std::size_t(value.cols));
      model.device->read(value, found);
      const auto expected = golden.floats(tensor);
      const Difference d = difference(found, expected);
      float largest = 1;
      for (const float e : expected) largest = std::max(largest, std::abs(e));
      EXPECT_LT(d.max, 1e-4 * largest) << tensor << " at " << d.worst;
      share = std::max(share, d.max / double(largest));
      ++compared;
    };
    model.logits(golden.ids(prompt + ".input_ids"), &observer);
    EXPECT_GT(compared, 10);
    std::printf("%s: %d activations, max %.1e of the largest\n", c.folder.filename().c_str(), compared, share);
  }
}

// docs/numerics.md: the fast device rounds what the bf16 reference rounds, or less.
TEST(TextGoldens, FastDeviceErrsNoMoreThanTheBF16Reference) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    const GoldenFile golden(c.folder / "goldens.safetensors");
    TextModel model((c.folder / "model").string(), false, 64);
    double ours = 0, theirs = 0, largest = 0;
    for (int p = 0; golden.has("prompt" + std::to_string(p) + ".input_ids"); ++p) {
      const std::string prompt = "prompt" + std::to_string(p);
      const auto exact = golden.floats(prompt + ".logits_f32");
      const Difference d = difference(model.logits(golden.ids(prompt + ".input_ids")), exact);
      ours += d.mean;
      largest = std::max(largest, d.max);
      theirs += difference(golden.floats(prompt + ".logits_bf16"), exact).mean;
    }
    EXPECT_LT(ours, 1.5 * theirs);
    std::printf("%s: mean error %.4f, bf16 reference %.4f, ratio %.2f; max %.4f\n", c.folder.filename().c_str(), ours,
                theirs, ours / theirs, largest);
  }
}

TEST(TextGoldens, GreedyContinuationsAreEqual) {
  for (const bool reference : {true, false}) {
    for (const Case& c : cases()) {
      SCOPED_TRACE(c.name());
      const GoldenFile golden(c.folder / "goldens.safetensors");
      TextModel model((c.folder / "model").string(), reference, 64);
      const int n_vocab = model.gemma.config().n_vocab;
      for (int p = 0; golden.has("prompt" + std::to_string(p) + ".input_ids"); ++p) {
        const std::string greedy = "greedy" + std::to_string(p);
        if (!golden.has(greedy + ".ids")) continue;
        const auto prompt = golden.ids("prompt" + std::to_string(p) + ".input_ids"), ids = golden.ids(greedy + ".ids");
        const auto margin = golden.floats(greedy + ".margin");
        // Two logits each off by half the bound cannot change places (docs/numerics.md).
        const float bound = reference ? 1e-2f : 1.0f;
        const int sequence = model.cache.open();
        ASSERT_TRUE(model.cache.reserve(sequence, int(prompt.size() + ids.size())));
        std::vector<float> logits;
        for (std::size_t i = 0; i < prompt.size(); ++i) {
          const Row row{prompt[i], sequence, int(i), i + 1 == prompt.size()};
          const device::Array out = model.gemma.step({&row, 1}, model.cache);
          if (row.wants_logits) model.append(logits, out);
        }
        int followed = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
          const int best = int(std::max_element(logits.begin(), logits.end()) - logits.begin());
          ASSERT_EQ(int(logits.size()), n_vocab);
          if (margin[i] > bound) {
            EXPECT_EQ(best, ids[i]) << greedy << " step " << i << " margin " << margin[i];
            ++followed;
          }
          const Row row{ids[i], sequence, int(prompt.size() + i), true};
          logits.clear();
          model.append(logits, model.gemma.step({&row, 1}, model.cache));
        }
        model.cache.close(sequence);
        EXPECT_GT(followed, 0);
      }
    }
  }
}

// A prompt's tokens without wanted logits leave the step early; the last token's logits must not change by a bit, and
// neither by how the prompt is cut into steps nor by another sequence beside it.
TEST(TextGoldens, EarlyStopChunksAndNeighboursChangeNothing) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name());
    const GoldenFile golden(c.folder / "goldens.safetensors");
    TextModel model((c.folder / "model").string(), false, 64);
    const auto ids = golden.ids("prompt1.input_ids");
    const std::size_t n_vocab = std::size_t(model.gemma.config().n_vocab);
    const auto all = model.logits(ids);
    const std::vector<float> expected(all.end() - std::ptrdiff_t(n_vocab), all.end());
    for (const int chunk : {1, 3, 64}) {
      const int sequence = model.cache.open(), other = model.cache.open();
      ASSERT_TRUE(model.cache.reserve(sequence, int(ids.size())));
      ASSERT_TRUE(model.cache.reserve(other, 64));
      std::vector<float> logits;
      int other_position = 0;
      for (std::size_t begin = 0; begin < ids.size();) {
        std::vector<Row> rows;
        if (chunk < 64 && other_position < 64) rows.push_back({ids[0], other, other_position++, false});
        for (int i = 0; i < chunk && begin < ids.size() && rows.size() < 64; ++i, ++begin)
          rows.push_back({ids[begin], sequence, int(begin), begin + 1 == ids.size()});
        const device::Array out = model.gemma.step(rows, model.cache);
        if (begin == ids.size()) model.append(logits, out);
      }
      model.cache.close(sequence);
      model.cache.close(other);
      EXPECT_EQ(logits, expected) << "chunks of " << chunk;
    }
  }
}

}  // namespace
}  // namespace nibble::model
