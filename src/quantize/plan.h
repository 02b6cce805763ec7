// What becomes of every tensor of a checkpoint: quantized as part of a module, copied, or dropped.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/checkpoint.h"
#include "format/gemma4_config.h"
#include "quantize/recipe.h"

namespace nibble::quantize {

// A linear whose weight is rows [first_row, first_row + rows) of a BF16 tensor, seen as [., cols].
struct Module {
  std::string name;
  format::Checkpoint::Entry source;
  std::int64_t first_row = 0, rows = 0, cols = 0;
};

// Modules that share a global scale because engines run them as one: {q, k, v}, {gate, up}; or one alone.
struct FusedGroup {
  std::vector<Module> modules;
};

struct Plan {
  Recipe recipe;
  std::vector<FusedGroup> groups;
  std::vector<format::Checkpoint::Entry> copies;
  std::vector<std::string> dropped;          // of KV-shared layers: tensors that no reader may use
  std::vector<std::string> ignored_modules;  // linears left in BF16, as quantization_config lists them
  std::vector<format::TensorInfo> outputs;   // names, types and shapes
};

Plan make_plan(const format::Checkpoint& checkpoint, const format::Gemma4Config& config, const Recipe& recipe);

// config.json of the result: the source's, with quantization_config.
json::value quantized_config(const format::Gemma4Config& config, const Plan& plan);

}  // namespace nibble::quantize
