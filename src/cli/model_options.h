// What every command that runs a model takes: where the model is, on which device and how it runs.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "device/device.h"
#include "format/gemma4_config.h"
#include "model/weights.h"

namespace nibble::cli {

struct ModelOptions {
  std::string directory;
  std::string device = "cpu";
  std::optional<int> threads;
  bool pin_threads = false;
  std::string activations_dtype = "bf16";
  std::string lm_head = "auto";
  std::string kv_cache_dtype = "auto";
  std::string quantization;
  std::optional<int> max_model_len;
};

void add_model_options(CLI::App& app, ModelOptions& options);   // with MODEL
void add_device_options(CLI::App& app, ModelOptions& options);  // without: for commands that take several

// Checks every option, then makes the device; UsageError says what this build has.
std::unique_ptr<device::Device> make_device(const ModelOptions& options);
// config.json, before anything large is read.
format::Gemma4Config load_config(const ModelOptions& options);
// Logs the device and what the weights take.
model::Weights load_weights(const ModelOptions& options, device::Device& device);
// --max-model-len where it was given, else `fallback`, never more than the model's positions.
int context_length(const ModelOptions& options, const format::TextConfig& config, int fallback);

}  // namespace nibble::cli
