// generation_config.json: the sampling that a model's makers recommend, and the tokens that end its answers.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/request.h"

namespace nibble::engine {

struct GenerationConfig {
  SamplingParams defaults;         // of fields the file names; the others are SamplingParams' own
  std::vector<int> eos_token_ids;  // sorted
};

GenerationConfig parse_generation_config(const json::value& value, const std::string& source, int n_vocab);

// DIRECTORY/generation_config.json, where there is one. `config_eos` (config.json's) end answers as well.
GenerationConfig load_generation_config(const std::string& directory, int n_vocab, const std::vector<int>& config_eos);

}  // namespace nibble::engine
