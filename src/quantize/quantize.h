// A BF16 checkpoint in, a compressed-tensors checkpoint out: streamed, so that memory does not grow with the model, and
// atomic, so that the output is complete or absent.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "quantize/kernels.h"
#include "quantize/recipe.h"

namespace nibble::quantize {

struct Options {
  std::string model, output;
  Recipe recipe;
  std::vector<std::vector<int>> samples;  // NVFP4: token ids whose activations set the input scales
  bool force = false;
  int n_threads = 0;                        // 0: every CPU
  const std::atomic<bool>* stop = nullptr;  // set: ends with Interrupted, nothing left behind
};

struct ModuleError {
  std::string module;
  double relative_rms = 0;  // |W - stored| / |W|
};

struct Component {
  std::string name;
  int tensors = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;
};

struct Report {
  std::string scheme, kernels;
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of all tensors
  double seconds = 0;
  std::vector<Component> components;
  std::vector<ModuleError> errors;  // worst first
  int dropped_tensors = 0;
};

Report quantize(const Options& options);
std::string report_table(const Report& report);
std::string report_json(const Report& report);

}  // namespace nibble::quantize
