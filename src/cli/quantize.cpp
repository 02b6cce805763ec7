// nibble quantize MODEL --scheme NVFP4A16|NVFP4|FP8_DYNAMIC --output DIR
#include "quantize/quantize.h"

#include <csignal>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "format/gemma4_config.h"

namespace nibble::cli {
namespace {

std::atomic<bool> interrupted{false};

struct Arguments {
  std::string model, output, scheme, recipe, calibration;
  std::vector<std::string> ignore;
  bool force = false, json = false;
  int n_threads = 0;
};

// Token ids of a file of JSON lines {"input_ids": [...]}.
std::vector<std::vector<int>> read_samples(const std::string& path) {
  const std::string text = read_text_file(path, 256u << 20);
  std::vector<std::vector<int>> samples;
  int line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", path, line_number);
    const json::value value = parse_json(line, where);
    const JsonFields fields(value, where);
    const json::value* ids = fields.find("input_ids");
    if (ids == nullptr || !ids->is_array()) throw Error("{}: expected {{\"input_ids\": [...]}}", where);
    std::vector<int>& sample = samples.emplace_back();
    for (const json::value& id : ids->get_array()) {
      if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > (1 << 20))
        throw Error("{}: \"input_ids\": expected token ids", where);
      sample.push_back(int(id.get_int64()));
    }
  }
  if (samples.empty()) throw Error("{}: holds no calibration sample", path);
  return samples;
}

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
    if (arguments.calibration.empty())
      throw UsageError("scheme NVFP4 rounds activations and needs --calibration FILE (JSON lines of {{\"input_ids\"}})");
    options.samples = read_samples(arguments.calibration);
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
  app.add_option("--ignore", arguments->ignore, "module to leave in BF16, or re:PATTERN; adds to the recipe's")->take_all();
  app.add_option("--recipe", arguments->recipe, "llm-compressor recipe (YAML)");
  app.add_option("--calibration", arguments->calibration, "JSON lines of {\"input_ids\"} for NVFP4");
  app.add_flag("--force", arguments->force, "replace an output directory that holds a model");
  app.add_flag("--json", arguments->json, "report as JSON on stdout");
  app.add_option("--threads", arguments->n_threads, "0: every CPU")->check(CLI::Range(0, 1024));
  app.callback([arguments] { run(*arguments); });
}

}  // namespace nibble::cli
