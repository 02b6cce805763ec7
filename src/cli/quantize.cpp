// nibble quantize MODEL --scheme NVFP4A16|NVFP4|FP8_DYNAMIC --output DIR
#include "quantize/quantize.h"

#include <csignal>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/cli.h"
#include "quantize/calibration.h"

namespace nibble::cli {
namespace {

std::atomic<bool> interrupted{false};

struct Arguments {
  std::string model, output, scheme, recipe, calibration;
  std::vector<std::string> ignore;
  bool force = false, json = false;
  int n_threads = 0;
};

void run(const Arguments& arguments) {
  quantize::Options options;
  options.model = arguments.model;
  options.output = arguments.output;
  options.force = arguments.force;
  options.n_threads = arguments.n_threads;
  options.stop = &interrupted;
  if (!arguments.recipe.empty())
    options.recipe = quantize::parse_recipe(read_text_file(arguments.recipe, 1u << 20), arguments.recipe);
  if (!arguments.scheme.empty()) options.recipe.scheme = quantize::scheme_from_name(arguments.scheme);
  if (arguments.scheme.empty() && arguments.recipe.empty()) throw UsageError("quantize needs --scheme or --recipe");
  for (const std::string& pattern : arguments.ignore) options.recipe.ignore.push_back(pattern);
  if (options.recipe.scheme == quantize::Scheme::kNVFP4) {
    options.samples = arguments.calibration.empty()
                          ? quantize::default_calibration(arguments.model)
                          : quantize::read_calibration(arguments.calibration, arguments.model);
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const quantize::Report report = quantize::quantize(options);
  std::fputs(quantize::report_table(report).c_str(), stderr);
  if (arguments.json) std::puts(quantize::report_json(report).c_str());
}

}  // namespace

void add_quantize(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("model", arguments->model, "directory of a BF16 Gemma 4 checkpoint")->required();
  app.add_option("--scheme", arguments->scheme, "NVFP4A16 (data-free), NVFP4 (W4A4, calibrated) or FP8_DYNAMIC");
  app.add_option("--output,-o", arguments->output, "directory to write")->required();
  app.add_option("--ignore", arguments->ignore, "module to leave in BF16, or re:PATTERN; adds to the recipe's")
      ->take_all();
  app.add_option("--recipe", arguments->recipe, "llm-compressor recipe (YAML)");
  app.add_option("--calibration", arguments->calibration,
                 "JSON lines of {\"text\"}, {\"messages\"} or {\"input_ids\"} for NVFP4; a built-in text without it");
  app.add_flag("--force", arguments->force, "replace an output directory that holds a model");
  app.add_flag("--json", arguments->json, "report as JSON on stdout");
  app.add_option("--threads", arguments->n_threads, "0: every CPU")->check(CLI::Range(0, 1024));
  app.callback([arguments] { run(*arguments); });
}

}  // namespace nibble::cli
