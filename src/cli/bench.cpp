// nibble bench MODEL...: the table of a model card, measured here, one row a format. A BF16 model gives two rows: as it is,
// and with its linears turned into FP8 while loading.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/model_options.h"
#include "device/profile.h"
#include "eval/bench_report.h"
#include "format/checkpoint.h"
#include "model/footprint.h"

namespace nibble::cli {
namespace {

struct Options {
  ModelOptions model;
  std::vector<std::string> models;
  eval::BenchPlan plan;
  bool json = false, profile = false, no_fp8 = false;
  std::string svg;
};

std::string format_of(const ModelOptions& options, const format::Gemma4Config& config) {
  if (options.quantization == "fp8") return "FP8 online";
  return model::measure(format::Checkpoint::open(options.directory), config).formats.front().format;
}

eval::BenchedModel bench(const Options& options, const ModelOptions& model, const format::Gemma4Config& config,
                         device::Device& device) {
  eval::BenchedModel result{.name = model.directory, .format = format_of(model, config)};
  const auto start = std::chrono::steady_clock::now();
  const model::Weights weights = load_weights(model, device);
  result.load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.speed = eval::measure_speed(device, weights, options.plan, [&](const std::string& what) {
    spdlog::info("{} {}: {}", result.name, result.format, what);
  });
  return result;
}

// One prompt and one answer, op by op; `rest` is what no op accounts for: tables, sampling, the scheduler.
void print_profile(const Options& options, const ModelOptions& model, const device::Walls& walls) {
  device::ProfilingDevice device(make_device(model));
  const model::Weights weights = load_weights(model, device);
  const auto show = [&](const std::string& title, const eval::BenchPlan& plan) {
    device.reset();
    eval::measure_speed(device, weights, plan, [](const std::string&) {});
    std::printf("\n%s: %s\n\n%s", model.directory.c_str(), title.c_str(),
                eval::profile_markdown(device.profile(), walls).c_str());
  };
  eval::BenchPlan plan{.runs = 1,
                       .prompt_tokens = 1,
                       .answer_tokens = 64,
                       .long_answer_tokens = 0,
                       .parallel = {},
                       .prefill = {},
                       .depths = {},
                       .max_batch_rows = options.plan.max_batch_rows};
  show("64 tokens decoded", plan);
  plan.answer_tokens = 2;
  plan.prefill = {512};
  show("a prompt of 512 tokens", plan);
}

void run(Options options) {
  if (options.models.empty()) throw UsageError("bench: expected at least one MODEL");
  eval::BenchReport report{.plan = options.plan};
  std::vector<ModelOptions> rows;
  for (const std::string& directory : options.models) {
    ModelOptions row = options.model;
    row.directory = directory;
    rows.push_back(row);
    if (load_config(row).quantization || options.no_fp8) continue;
    row.quantization = "fp8";
    rows.push_back(row);
  }
  for (const ModelOptions& row : rows) {
    const format::Gemma4Config config = load_config(row);
    const auto device = make_device(row);
    if (report.device.empty()) {
      report.device = device->describe();
      report.walls = device->measure_walls();
    }
    report.models.push_back(bench(options, row, config, *device));
  }
  if (options.json)
    std::printf("%s\n", pretty_json(eval::bench_json(report)).c_str());
  else
    std::printf("%s", eval::bench_markdown(report).c_str());
  if (!options.svg.empty()) write_text_file(options.svg, eval::bench_svg(report));
  if (!options.profile) return;
  for (const ModelOptions& row : rows) print_profile(options, row, report.walls);
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  eval::BenchPlan& plan = options->plan;
  app.add_option("models", options->models, "model directories")->type_name("MODEL");
  add_device_options(app, options->model);
  const auto count = CLI::Range(1, 1 << 20);
  app.add_option("--runs", plan.runs, "of each figure")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--prompt-tokens", plan.prompt_tokens, "before each answer")->check(count)->capture_default_str();
  app.add_option("--answer-tokens", plan.answer_tokens, "of each timed answer")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  app.add_option("--long-answer-tokens", plan.long_answer_tokens, "of the one long answer; 0: none")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--parallel", plan.parallel, "requests at once, one figure each")
      ->delimiter(',')
      ->check(CLI::Range(1, 256));
  app.add_option("--prefill", plan.prefill, "prompt lengths")->delimiter(',')->check(count);
  app.add_option("--depth", plan.depths, "positions in the cache")->delimiter(',')->check(count);
  app.add_option("--max-num-batched-tokens", plan.max_batch_rows, "rows of one step")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  app.add_flag("--no-fp8-online", options->no_fp8, "no second row for BF16 models");
  app.add_flag("--json", options->json, "JSON on stdout");
  app.add_flag("--profile", options->profile, "then a table of operations for each row");
  app.add_option("--svg", options->svg, "write a picture there")->type_name("FILE");
  app.callback([options] { run(*options); });
}

}  // namespace nibble::cli
