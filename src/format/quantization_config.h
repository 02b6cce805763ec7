// `quantization_config` of compressed-tensors checkpoints: which module is stored how.
// Written: nvfp4-pack-quantized (NVFP4A16, NVFP4) and float-quantized (FP8_DYNAMIC). Read also: pack-quantized int4,
// group 32, as Google's QAT checkpoints use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace nibble::format {

enum class WeightFormat { kBF16, kFP8, kNVFP4, kInt4 };

struct QuantizationGroup {
  WeightFormat weights = WeightFormat::kBF16;
  int group_size = 0;                // columns that share a scale; 0: one scale a row
  bool quantized_inputs = false;     // W4A4, FP8_DYNAMIC: the reference rounds activations, too
  bool static_input_scale = false;   // NVFP4: input_global_scale is stored
  std::vector<std::string> targets;  // "Linear", module names, "re:" patterns
};

struct QuantizationConfig {
  std::vector<QuantizationGroup> groups;
  std::vector<std::string> ignore;  // module names and "re:" patterns

  // The group of a linear module ("model.language_model.layers.0.mlp.up_proj"); nullptr: stored in BF16.
  const QuantizationGroup* group_of(std::string_view module) const;
};

QuantizationConfig parse_quantization_config(const json::value& value, const std::string& source);

// True if `module` matches one of `patterns` as llm-compressor matches: exact name, "re:" regular expression matched
// from the beginning of the name, or (for targets) the class name "Linear".
bool matches_any(std::string_view module, const std::vector<std::string>& patterns);

}  // namespace nibble::format
