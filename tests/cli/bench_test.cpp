// `nibble bench` as a user runs it.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "support/error_text.h"
#include "support/goldens.h"
#include "support/process.h"

namespace nibble {
namespace {

using testing::run_nibble;

std::string own(const char* relative) { return (testing::own_goldens() / "model" / relative).string(); }

std::vector<std::string> quick(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bench");
  for (const char* word : {"--runs", "1", "--prompt-tokens", "4", "--answer-tokens", "4", "--long-answer-tokens", "0",
                           "--parallel", "2", "--prefill", "8", "--depth", "16", "--threads", "1"})
    arguments.push_back(word);
  return arguments;
}

TEST(Bench, ABf16ModelHasARowInFp8AsWell) {
  const auto outcome = run_nibble(quick({own("text-e4b-like/model"), own("quant-model/NVFP4A16"), "--json"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json::value report = parse_json(outcome.out, "bench");
  std::vector<std::string> formats;
  for (const json::value& model : report.at("models").as_array()) {
    formats.emplace_back(model.at("format").as_string());
    EXPECT_GT(model.at("decode").at("median").as_double(), 0);
    EXPECT_GT(model.at("read_share").as_double(), 0);
    EXPECT_EQ(model.at("parallel").at(0).at("requests"), 2);
  }
  EXPECT_EQ(formats, (std::vector<std::string>{"BF16", "FP8 online", "NVFP4A16"}));
}

TEST(Bench, TableProfileAndPicture) {
  const auto svg = std::filesystem::path(::testing::TempDir()) / "bench.svg";
  const auto outcome = run_nibble(quick({own("quant-model/NVFP4A16"), "--profile", "--svg", svg.string()}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* expected :
       {"walls, measured in this process: ", "| NVFP4A16 ", "64 tokens decoded", "matmul down_proj "})
    EXPECT_NE(outcome.out.find(expected), std::string::npos) << expected << "\n" << outcome.out;
  EXPECT_GT(std::filesystem::file_size(svg), 500u);
}

TEST(Bench, SaysWhatIsWrong) {
  EXPECT_EQ(run_nibble({"bench"}).exit_code, 2);
  const auto missing = run_nibble(quick({"no-such-model"}));
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find("no-such-model: no such directory"), std::string::npos) << missing.err;
  EXPECT_EQ(run_nibble(quick({own("quant-model/NVFP4A16"), "--parallel", "0"})).exit_code, 2);
}

}  // namespace
}  // namespace nibble
