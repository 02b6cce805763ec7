// nibble generate and nibble logits as commands: contract, agreement with the goldens, and one clear line for each mistake.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/threads.h"
#include "format/gemma4_config.h"
#include "support/goldens.h"
#include "support/process.h"

namespace nibble {
namespace {

using testing::GoldenFile;
using testing::Outcome;
using testing::run_nibble;

std::vector<std::filesystem::path> models() {
  std::vector<std::filesystem::path> all;
  for (const char* form : {"text-e4b-like", "text-e2b-like", "text-26b-a4b-like", "text-31b-like"})
    for (const auto& folder : testing::golden_folders(std::filesystem::path("model") / form)) all.push_back(folder);
  return all;
}

std::string text_of(const std::vector<int>& ids) { return fmt::format("{}", fmt::join(ids, ",")); }

std::string only_line(const Outcome& outcome) {
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  return outcome.err.substr(0, outcome.err.find('\n'));
}

TEST(GenerateCommand, GreedyFollowsTheReference) {
  ASSERT_FALSE(models().empty());
  for (const auto& folder : models()) {
    SCOPED_TRACE(folder);
    const GoldenFile golden(folder / "goldens.safetensors");
    int p = 0;
    while (p < 8 && !golden.has(fmt::format("greedy{}.ids", p))) ++p;
    if (p == 8) continue;  // not every form has continuations
    const auto expected = golden.ids(fmt::format("greedy{}.ids", p));
    const auto margin = golden.floats(fmt::format("greedy{}.margin", p));
    const Outcome outcome =
        run_nibble({"generate", (folder / "model").string(), "--input-ids",
                    text_of(golden.ids(fmt::format("prompt{}.input_ids", p))), "--max-new-tokens",
                    std::to_string(expected.size()), "--temperature", "0", "--ignore-eos", "--device", "reference"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find("reference"), std::string::npos) << "the device describes itself";
    const json::array ids = parse_json(outcome.out, "stdout").at("ids").as_array();
    ASSERT_EQ(ids.size(), expected.size());
    for (std::size_t i = 0; i < expected.size() && margin[i] > 1e-2f; ++i)
      ASSERT_EQ(ids[i].as_int64(), expected[i]) << i;
  }
}

// e4m3 keeps four bits of a number: other log probabilities than with BF16.
TEST(GenerateCommand, KeysAndValuesInFp8) {
  ASSERT_FALSE(models().empty());
  const std::string model = (models().front() / "model").string();
  const auto generate = [&](const char* dtype, const char* named) {
    const Outcome outcome = run_nibble({"generate", model, "--input-ids", "2,5,9,4,7,11,3", "--max-new-tokens", "4",
                                        "--temperature", "0", "--logprobs", "1", "--kv-cache-dtype", dtype});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find(named), std::string::npos) << outcome.err;
    return parse_json(outcome.out, "stdout").at("logprobs");
  };
  const json::value fp8 = generate("fp8", "fp8 KV cache");
  EXPECT_NE(generate("auto", "bf16 KV cache"), fp8);
  EXPECT_EQ(generate("fp8_e4m3", "fp8 KV cache"), fp8);
}

TEST(GenerateCommand, TheDemoModelAnswersWithKeysAndValuesInFp8) {
  const Outcome outcome = run_nibble({"run", NIBBLE_SOURCE_DIR "/models/demo", "Count from 7 to 12.", "--temperature",
                                      "0", "--kv-cache-dtype", "fp8"});
  EXPECT_EQ(outcome.out, "7, 8, 9, 10, 11, 12\n") << outcome.err;
}

TEST(GenerateCommand, SeedsDecideAndLogprobsAreAnOption) {
  ASSERT_FALSE(models().empty());
  const std::vector<std::string> base = {"generate",
                                         (models().front() / "model").string(),
                                         "--input-ids",
                                         "2,5,7",
                                         "--max-new-tokens",
                                         "12",
                                         "--ignore-eos",
                                         "--log-level",
                                         "off"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    const Outcome outcome = run_nibble(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  };
  EXPECT_EQ(with({"--seed", "1"}), with({"--seed", "1", "--threads", "1"}));
  EXPECT_NE(with({"--seed", "1"}), with({"--seed", "2"}));
  const json::value found = parse_json(with({"--temperature", "0", "--logprobs", "3"}), "stdout");
  ASSERT_EQ(found.at("logprobs").as_array().size(), 12u);
  const json::value& first = found.at("logprobs").as_array()[0];
  EXPECT_EQ(first.at("id"), found.at("ids").as_array()[0]);
  EXPECT_EQ(first.at("top").as_array().size(), 3u);
  EXPECT_EQ(first.at("top").as_array()[0].at("logprob"), first.at("logprob"));
}

TEST(GenerateCommand, EachMistakeIsOneLine) {
  ASSERT_FALSE(models().empty());
  const std::string model = (models().front() / "model").string();
  const format::TextConfig text = format::load_gemma4_config(model).text;
  const std::string vocabulary = fmt::format("the vocabulary has ids 0 to {}", text.n_vocab - 1);
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string line;
  };
  for (const Case& c : {
           Case{{"--input-ids", "2,x,7"},
                2,
                "nibble: --input-ids: expected token ids separated by commas, as in 2,5,7; found 'x'"},
           Case{{"--input-ids", "2,5,"},
                2,
                "nibble: --input-ids: expected token ids separated by commas, as in 2,5,7; found ''"},
           Case{{"--input-ids", "99999999999"},
                2,
                "nibble: --input-ids: expected token ids separated by commas, as in 2,5,7; found '99999999999'"},
           Case{{"--input-ids", "2,100000"}, 1, "nibble: the prompt's token 1 is id 100000: " + vocabulary},
           Case{{"--input-ids", "2,-5"}, 1, "nibble: the prompt's token 1 is id -5: " + vocabulary},
           Case{{"--input-ids", "2", "--threads", "0"},
                2,
                fmt::format("nibble: --threads: expected 1 to 1024, got 0; this process may use {} CPU{}",
                            available_cpus(), available_cpus() == 1 ? "" : "s")},
           Case{{"--input-ids", "2", "--device", "cuda"},
                2,
                "nibble: --device: 'cuda' is not in this build; available: cpu, reference"},
           Case{{"--input-ids", "2", "--activations-dtype", "fp16"},
                2,
                "nibble: --activations-dtype: 'fp16' is not in this build; available: bf16, int8"},
           Case{{"--input-ids", "2", "--lm-head", "nvfp4"},
                2,
                "nibble: --lm-head: 'nvfp4' is not in this build; available: auto, exact, screened, screened4"},
           Case{{"--input-ids", "2", "--quantization", "int4"},
                2,
                "nibble: --quantization: 'int4' is not in this build; available: fp8"},
           Case{{"--input-ids", "2", "--temperature", "-1"}, 2, "nibble: temperature must be in [0, 100], got -1"},
           Case{{"--input-ids", "2", "--logit-bias", "7"},
                2,
                "nibble: --logit-bias: expected TOKEN:BIAS, as in 1234:-2.5, found '7'"},
           Case{{"--input-ids", "2,5,7", "--max-model-len", "3"},
                1,
                "nibble: the prompt has 3 tokens: with at least one to answer, a context of 3 holds at most 2"},
           Case{{"--input-ids", "2", "--max-model-len", "20000000"},
                2,
                fmt::format("nibble: --max-model-len: expected 2 to {}, as far as this model's positions reach, got "
                            "20000000",
                            text.max_positions)},
       }) {
    std::vector<std::string> arguments = {"generate", model, "--max-new-tokens", "4", "--log-level", "off"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Outcome outcome = run_nibble(arguments);
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.line;
    EXPECT_EQ(only_line(outcome), c.line);
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(GenerateCommand, NoSuchModel) {
  const Outcome outcome =
      run_nibble({"generate", "/no/such/model", "--input-ids", "2", "--max-new-tokens", "4", "--log-level", "off"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(only_line(outcome),
            "nibble: /no/such/model: no such directory; MODEL is a folder with config.json and its safetensors");
}

// Every activation that the golden file names must be in the output; a router's choice is in its probabilities.
TEST(LogitsCommand, WritesWhatTheReferenceComputes) {
  ASSERT_FALSE(models().empty());
  for (const auto& folder : models()) {
    SCOPED_TRACE(folder);
    const GoldenFile golden(folder / "goldens.safetensors");
    const testing::TemporaryDirectory temporary;
    const std::string path = temporary.file("out.safetensors");
    for (int p = 0; golden.has(fmt::format("prompt{}.input_ids", p)); ++p) {
      const std::vector<int> ids = golden.ids(fmt::format("prompt{}.input_ids", p));
      const bool listed =
          golden.has("hidden.embed") && golden.info("hidden.embed").shape[0] == std::int64_t(ids.size());
      std::vector<std::string> arguments = {
          "logits",   (folder / "model").string(), "--input-ids", text_of(ids), "--output", path, "--device",
          "reference"};
      if (listed) arguments.push_back("--activations");
      const Outcome outcome = run_nibble(arguments);
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      const GoldenFile found(path);
      const auto logits = found.floats("logits"), expected = golden.floats(fmt::format("prompt{}.logits_f32", p));
      EXPECT_EQ(found.info("logits").shape, golden.info(fmt::format("prompt{}.logits_f32", p)).shape);
      EXPECT_LT(testing::difference(logits, expected).max, 5e-3);
      if (!listed) {
        EXPECT_EQ(found.tensors().size(), 1u);
        continue;
      }
      int compared = 0;
      for (const format::TensorInfo& tensor : golden.tensors()) {
        if (!tensor.name.starts_with("hidden.") && !tensor.name.starts_with("sub.")) continue;
        if (tensor.name.find("router.top_k") != std::string::npos) continue;
        ASSERT_TRUE(found.has(tensor.name)) << tensor.name;
        EXPECT_EQ(found.info(tensor.name).shape, tensor.shape) << tensor.name;
        const auto values = golden.floats(tensor.name);
        float largest = 1;
        for (const float value : values) largest = std::max(largest, std::abs(value));
        EXPECT_LT(testing::difference(found.floats(tensor.name), values).max, 1e-4 * largest) << tensor.name;
        ++compared;
      }
      EXPECT_GT(compared, 10);
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temporary.path()), {}), 1) << "nothing partial is left";
  }
}

TEST(LogitsCommand, LeavesNothingBehindWhenItFails) {
  ASSERT_FALSE(models().empty());
  const testing::TemporaryDirectory temporary;
  const Outcome nowhere = run_nibble({"logits", (models().front() / "model").string(), "--input-ids", "2,5", "--output",
                                      temporary.file("no/such/folder.safetensors"), "--log-level", "off"});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_NE(only_line(nowhere).find("No such file or directory"), std::string::npos) << nowhere.err;
  std::filesystem::create_directory(temporary.path() / "taken");
  std::ofstream(temporary.file("taken/file")) << "x";
  const Outcome taken = run_nibble({"logits", (models().front() / "model").string(), "--input-ids", "2,5", "--output",
                                    temporary.file("taken"), "--log-level", "off"});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temporary.path()), {}), 1);
}

}  // namespace
}  // namespace nibble
