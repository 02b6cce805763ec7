// What `nibble bench` makes of measured figures, and the device that profiles.
#include "eval/bench_report.h"

#include <gtest/gtest.h>

#include "device/cpu/cpu_device.h"
#include "device/profile.h"
#include "support/goldens.h"

namespace nibble::eval {
namespace {

BenchReport some_report() {
  BenchReport report{.device = "cpu: <two> threads", .walls = {.read_bytes_per_second = 20e9, .float_flops = 100e9}};
  BenchedModel model{.name = "m", .format = "BF16"};
  model.speed = {.weight_bytes = 900'000'000,
                 .kv_bytes = 100'000'000,
                 .bytes_per_token = 1e9,
                 .flops_per_prompt_token = 1e9,
                 .decode = {10, 9, 11}};
  model.speed.long_answer = {1000, 10, 9.5};
  model.speed.parallel = {{3, 5, 15}};
  model.speed.prefill = {{512, {50, 50, 50}}};
  model.speed.depth = {{128, {10, 10, 10}}, {1024, {8, 8, 8}}};
  report.models = {model, model};
  report.models[1].format = "NVFP4A16";
  report.models[1].speed.decode = {25, 24, 26};
  return report;
}

TEST(BenchReport, SpreadIsMedianAndRange) {
  EXPECT_EQ(spread_of({}).median, 0);
  const Spread odd = spread_of({3, 1, 2}), even = spread_of({4, 1, 2, 3});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 3);
  EXPECT_EQ(even.median, 2.5);
}

TEST(BenchReport, MarkdownHasEveryShare) {
  const std::string text = bench_markdown(some_report());
  for (const char* expected :
       {"| BF16     | 1.00 GB |  10.00 (9.00 to 11.00) |    1.00x |              50 % |",
        "| NVFP4A16 | 1.00 GB | 25.00 (24.00 to 26.00) |    2.50x |             125 % |", "95 % of the first",
        "5.00 each, 15.00 together", "1.50x one alone", "50 % of the peak", "80 % of depth 128"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\n" << text;
}

TEST(BenchReport, JsonAndPictureHoldTheFigures) {
  const json::value report = bench_json(some_report());
  EXPECT_EQ(report.at("models").as_array().size(), 2u);
  const json::value& first = report.at("models").at(0);
  EXPECT_EQ(first.at("decode").at("median"), 10.0);
  EXPECT_EQ(first.at("read_share"), 0.5);
  EXPECT_EQ(first.at("prefill").at(0).at("tokens"), 512);
  const std::string svg = bench_svg(some_report());
  EXPECT_NE(svg.find("25.0"), std::string::npos);
  EXPECT_NE(svg.find("cpu: &lt;two> threads"), std::string::npos);
}

// The same model with and without the profile: equal figures of merit, and every product accounted for.
TEST(Profile, CountsWhatTheModelDoes) {
  const std::string directory = (testing::own_goldens() / "model" / "text-e4b-like" / "model").string();
  device::ProfilingDevice device(device::make_cpu_device({.n_threads = 1}));
  const model::Weights weights = model::load_weights(directory, device);
  const BenchPlan plan{.runs = 1,
                       .prompt_tokens = 4,
                       .answer_tokens = 3,
                       .long_answer_tokens = 0,
                       .parallel_answer_tokens = 3,
                       .parallel = {2},
                       .prefill = {5},
                       .depths = {8, 1 << 20},
                       .max_batch_rows = 8};
  const SpeedReport speed = measure_speed(device, weights, plan, [](const std::string&) {});
  EXPECT_GT(speed.decode.median, 0);
  EXPECT_EQ(speed.depth.size(), 1u) << "a depth beyond the model's positions is left out";
  EXPECT_EQ(speed.prefill.size(), 1u);
  double seconds = 0, head_bytes = 0;
  bool attends = false;
  for (const device::OpProfile& op : device.profile()) {
    EXPECT_GT(op.calls, 0) << op.op;
    seconds += op.seconds;
    attends = attends || op.op.starts_with("attention, heads of");
    if (op.op.starts_with("matmul embed_tokens")) head_bytes = op.bytes / double(op.calls);
  }
  EXPECT_GT(seconds, 0);
  EXPECT_TRUE(attends);
  ASSERT_EQ(weights.head.pieces.size(), 1u);
  EXPECT_EQ(head_bytes, double(weights.head.pieces[0].matrix->bytes_read));
  EXPECT_NE(profile_markdown(device.profile(), {.read_bytes_per_second = 1e9}).find("| op "), std::string::npos);
}

}  // namespace
}  // namespace nibble::eval
