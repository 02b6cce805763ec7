#include "cli/sampling_options.h"

#include <charconv>
#include <string_view>

#include "base/error.h"

namespace nibble::cli {
namespace {

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::pair<int, double> parse_bias(const std::string& text) {
  const std::size_t colon = text.find(':');
  std::pair<int, double> bias;
  if (colon == std::string::npos || !parse_number(std::string_view(text).substr(0, colon), bias.first) ||
      !parse_number(std::string_view(text).substr(colon + 1), bias.second))
    throw UsageError("--logit-bias: expected TOKEN:BIAS, as in 1234:-2.5, found '{}'", text);
  return bias;
}

}  // namespace

void add_sampling_options(CLI::App& app, SamplingOptions& options) {
  app.add_option("--temperature", options.temperature, "0: always the most likely token");
  app.add_option("--top-k", options.top_k, "only the K most likely tokens; 0 or -1: all");
  app.add_option("--top-p", options.top_p, "only the most likely tokens that hold this share of the probability");
  app.add_option("--min-p", options.min_p, "only tokens with this share of the best one's probability");
  app.add_option("--repetition-penalty", options.repetition_penalty, "over prompt and answer; 1: none");
  app.add_option("--presence-penalty", options.presence_penalty, "for every token of the answer so far");
  app.add_option("--frequency-penalty", options.frequency_penalty, "the same, for each time it was used");
  app.add_option("--logit-bias", options.logit_bias, "TOKEN:BIAS, repeatable")->allow_extra_args(false);
  app.add_option("--seed", options.seed, "same seed, same text");
  app.add_option("--stop-token-ids", options.stop_token_ids, "token ids that end the answer")->delimiter(',');
  app.add_flag("--ignore-eos", options.ignore_eos, "go on behind the model's end tokens");
}

engine::SamplingParams sampling_params(const SamplingOptions& options, engine::SamplingParams params, int n_vocab) {
  params.temperature = options.temperature.value_or(params.temperature);
  params.top_k = options.top_k.value_or(params.top_k);
  params.top_p = options.top_p.value_or(params.top_p);
  params.min_p = options.min_p.value_or(params.min_p);
  params.repetition_penalty = options.repetition_penalty.value_or(params.repetition_penalty);
  params.presence_penalty = options.presence_penalty.value_or(params.presence_penalty);
  params.frequency_penalty = options.frequency_penalty.value_or(params.frequency_penalty);
  if (options.max_new_tokens) params.max_new_tokens = options.max_new_tokens;
  params.seed = options.seed;
  for (const std::string& bias : options.logit_bias) params.logit_bias.push_back(parse_bias(bias));
  params.stop = options.stop;
  params.stop_token_ids = options.stop_token_ids;
  params.ignore_eos = options.ignore_eos;
  try {
    engine::validate(params, n_vocab);
  } catch (const engine::RequestError& error) {
    throw UsageError("{}", error.what());
  }
  return params;
}

std::vector<int> parse_ids(const std::string& text, std::string_view option) {
  std::vector<int> ids;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string piece = text.substr(begin, end - begin);
    int id = 0;
    if (!parse_number(std::string_view(piece), id))
      throw UsageError("{}: expected token ids separated by commas, as in 2,5,7; found '{}'", option, piece);
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

}  // namespace nibble::cli
