#include "cli/model_options.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "device/cpu/cpu_device.h"

namespace nibble::cli {
namespace {

constexpr int kMaxThreads = 1024;

struct Choice {
  const char* option;
  std::string ModelOptions::*value;
  std::initializer_list<std::string_view> available;
};

// What this build can do. An empty word stands for "not given".
const Choice kChoices[] = {
    {"--device", &ModelOptions::device, {"cpu", "reference"}},
    {"--activations-dtype", &ModelOptions::activations_dtype, {"bf16", "int8"}},
    {"--lm-head", &ModelOptions::lm_head, {"auto", "exact", "screened", "screened4"}},
    {"--kv-cache-dtype", &ModelOptions::kv_cache_dtype, {"auto", "bf16", "fp8", "fp8_e4m3"}},
    {"--quantization", &ModelOptions::quantization, {"", "fp8"}},
};

device::HeadKind head_kind(std::string_view lm_head) {
  if (lm_head == "exact") return device::HeadKind::kExact;
  return lm_head == "screened4" ? device::HeadKind::kScreened4 : device::HeadKind::kScreened;
}

void check_choice(const ModelOptions& options, const Choice& choice) {
  const std::string& value = options.*choice.value;
  if (std::find(choice.available.begin(), choice.available.end(), value) != choice.available.end()) return;
  std::string list;
  for (const std::string_view word : choice.available)
    if (!word.empty()) list += (list.empty() ? "" : ", ") + std::string(word);
  throw UsageError("{}: '{}' is not in this build; available: {}", choice.option, value, list);
}

}  // namespace

void add_model_options(CLI::App& app, ModelOptions& options) {
  app.add_option("model", options.directory, "model directory")->required()->type_name("MODEL");
  app.add_option("--quantization", options.quantization, "fp8: BF16 linears become FP8 while loading");
  app.add_option("--max-model-len", options.max_model_len, "tokens of prompt and answer together");
  add_device_options(app, options);
}

void add_device_options(CLI::App& app, ModelOptions& options) {
  app.add_option("--device", options.device, "cpu, or reference (scalar, f32 throughout)")->capture_default_str();
  app.add_option("--threads", options.threads, "threads (default: every CPU this process may use)");
  app.add_flag("--pin-threads", options.pin_threads, "each worker thread stays on a CPU of its own");
  app.add_option("--activations-dtype", options.activations_dtype,
                 "what matrix products round their input to: bf16, or int8 for 4-bit matrices")
      ->capture_default_str();
  app.add_option("--kv-cache-dtype", options.kv_cache_dtype, "auto (bf16), bf16 or fp8: how keys and values are kept")
      ->capture_default_str();
  app.add_option("--lm-head", options.lm_head,
                 "exact; screened: the same tokens by an int8 copy of the head; screened4: by a 4-bit copy, but for a "
                 "billionth of them; auto: screened on a CPU")
      ->capture_default_str();
}

std::unique_ptr<device::Device> make_device(const ModelOptions& options) {
  for (const Choice& choice : kChoices) check_choice(options, choice);
  if (options.threads && (*options.threads < 1 || *options.threads > kMaxThreads))
    throw UsageError("--threads: expected 1 to {}, got {}; this process may use {} CPU{}", kMaxThreads,
                     *options.threads, available_cpus(), available_cpus() == 1 ? "" : "s");
  auto device = device::make_cpu_device({.n_threads = options.threads.value_or(0),
                                         .pin_threads = options.pin_threads,
                                         .int8 = options.activations_dtype == "int8",
                                         .kv_fp8 = options.kv_cache_dtype.starts_with("fp8"),
                                         .head = head_kind(options.lm_head),
                                         .reference = options.device == "reference"});
  spdlog::info("{}", device->describe());
  return device;
}

format::Gemma4Config load_config(const ModelOptions& options) {
  if (!directory_exists(options.directory))
    throw Error("{}: no such directory; MODEL is a folder with config.json and its safetensors", options.directory);
  return format::load_gemma4_config(options.directory);
}

model::Weights load_weights(const ModelOptions& options, device::Device& device) {
  const auto start = std::chrono::steady_clock::now();
  model::Weights weights =
      model::load_weights(options.directory, device, {.quantize_fp8 = options.quantization == "fp8"});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  spdlog::info("{}: {:.2f} GB of weights loaded in {:.1f} s", options.directory, double(weights.resident_bytes) / 1e9,
               seconds.count());
  return weights;
}

int context_length(const ModelOptions& options, const format::TextConfig& config, int fallback) {
  if (!options.max_model_len) return std::min(fallback, config.max_positions);
  if (*options.max_model_len < 2 || *options.max_model_len > config.max_positions)
    throw UsageError("--max-model-len: expected 2 to {}, as far as this model's positions reach, got {}",
                     config.max_positions, *options.max_model_len);
  return *options.max_model_len;
}

}  // namespace nibble::cli
