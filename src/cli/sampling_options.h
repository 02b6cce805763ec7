// The sampling flags. What is not given comes from the model's generation_config.json.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"

namespace nibble::cli {

struct SamplingOptions {
  std::optional<double> temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<std::int64_t> top_k, max_new_tokens;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> logit_bias;  // "ID:BIAS"
  std::vector<std::string> stop;
  std::vector<int> stop_token_ids;
  bool ignore_eos = false;
};

void add_sampling_options(CLI::App& app, SamplingOptions& options);

// UsageError for a value out of its range.
engine::SamplingParams sampling_params(const SamplingOptions& options, engine::SamplingParams defaults, int n_vocab);

// "2,5,7". UsageError names the piece that is no number; ranges are the engine's business.
std::vector<int> parse_ids(const std::string& text, std::string_view option);

}  // namespace nibble::cli
