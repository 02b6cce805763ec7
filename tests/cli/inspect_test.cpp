// `nibble inspect` as a user runs it.
#include <gtest/gtest.h>

#include "base/json.h"
#include "support/error_text.h"
#include "support/goldens.h"
#include "support/process.h"

namespace nibble {
namespace {

using testing::run_nibble;

std::string own(const char* relative) { return (testing::own_goldens() / "model" / relative).string(); }

TEST(Inspect, JsonHasTheNumbers) {
  const auto outcome = run_nibble({"inspect", own("text-e2b-like/model"), "--json", "--bandwidth", "100"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const json::value report = parse_json(outcome.out, "inspect");
  EXPECT_EQ(report.at("stored_as"), "BF16");
  EXPECT_EQ(report.at("bandwidth_gb_per_s"), 100.0);
  const json::value& bf16 = report.at("formats").at("BF16");
  // By hand in tests/model/footprint_test.cpp.
  EXPECT_EQ(bf16.at("components").at("PLE table").at("per_token"), 384);
  EXPECT_EQ(bf16.at("components").at("head").at("per_token"), 30720);
  const std::int64_t per_token = 384 + 160 + 30720 + 92160 + 204800 + 207360 + 5804;
  EXPECT_EQ(bf16.at("total").at("per_token"), per_token);
  EXPECT_DOUBLE_EQ(bf16.at("predicted_tokens_per_second").as_double(), 100e9 / double(per_token));
}

TEST(Inspect, TheTableFitsAHundredColumns) {
  for (const char* model : {"text-e2b-like/model", "text-26b-a4b-like/model", "mm-e4b-like/model", "quant-model/NVFP4",
                            "quant-model/FP8_DYNAMIC", "int4-model/W4A16G32"}) {
    const auto outcome = run_nibble({"inspect", own(model)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    std::size_t begin = outcome.out.find('\n') + 1;  // the first line is the path
    for (std::size_t end = 0; (end = outcome.out.find('\n', begin)) != std::string::npos; begin = end + 1)
      EXPECT_LE(end - begin, 100u) << outcome.out.substr(begin, end - begin);
    EXPECT_NE(outcome.out.find("tokens/s at 273 GB/s"), std::string::npos);
    EXPECT_NE(testing::replaced(outcome.out, "\n", " ").find("273 GB/s is a DGX Spark's"), std::string::npos);
  }
}

TEST(Inspect, SaysWhyPleIsNoBandwidth) {
  const std::string out = testing::replaced(run_nibble({"inspect", own("text-e2b-like/model")}).out, "\n", " ");
  EXPECT_NE(out.find("PLE: the table is 11.2 % of the checkpoint (73.73 KB), and 0.0709 % of what a token "
                     "reads: a gather of one "
                     "row, 384 bytes."),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("Head: every row is read for every token, 30.72 KB."), std::string::npos) << out;
}

TEST(Inspect, RefusesWhatIsNoModel) {
  const auto missing = run_nibble({"inspect", "/nowhere"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(missing.err, "nibble: /nowhere: no such model directory\n");
  EXPECT_EQ(run_nibble({"inspect"}).exit_code, 2);
  EXPECT_EQ(run_nibble({"inspect", own("text-e2b-like/model"), "--bandwidth", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace nibble
