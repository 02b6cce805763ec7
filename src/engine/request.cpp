#include "engine/request.h"

#include <cmath>
#include <string_view>

namespace nibble::engine {
namespace {

struct Range {
  std::string_view name;
  double SamplingParams::*field;
  double min, max;
  bool min_excluded = false;
};

// vLLM's ranges; where it has no upper one, a bound far beyond any use that keeps the arithmetic finite.
constexpr Range kRanges[] = {
    {"temperature", &SamplingParams::temperature, 0, 100},
    {"top_p", &SamplingParams::top_p, 0, 1, true},
    {"min_p", &SamplingParams::min_p, 0, 1},
    {"repetition_penalty", &SamplingParams::repetition_penalty, 0.01, 100},
    {"presence_penalty", &SamplingParams::presence_penalty, -2, 2},
    {"frequency_penalty", &SamplingParams::frequency_penalty, -2, 2},
};

struct CountRange {
  std::string_view name;
  std::optional<std::int64_t> value;
  std::int64_t min, max;
};

constexpr std::size_t kMaxLogitBias = 300, kMaxStops = 16, kMaxStopBytes = 1024, kMaxStopIds = 300;

void check_length(std::string_view name, std::size_t n, std::size_t max) {
  if (n > max) throw RequestError("{} has {} entries: at most {} are allowed", name, n, max);
}

void check_token(std::string_view name, std::int64_t id, int n_vocab) {
  if (id < 0 || id >= n_vocab)
    throw RequestError("{} names token {}: the vocabulary has ids 0 to {}", name, id, n_vocab - 1);
}

}  // namespace

void validate(const SamplingParams& params, int n_vocab) {
  for (const Range& range : kRanges) {
    const double value = params.*range.field;
    const bool above = range.min_excluded ? value > range.min : value >= range.min;
    if (!(above && value <= range.max))  // NaN fails
      throw RequestError("{} must be in {}{}, {}], got {}", range.name, range.min_excluded ? '(' : '[', range.min,
                         range.max, value);
  }
  const CountRange counts[] = {
      {"top_k", params.top_k, -1, std::int64_t{1} << 31},
      {"max_new_tokens", params.max_new_tokens, 1, std::int64_t{1} << 31},
      {"logprobs", params.logprobs, 0, 20},
  };
  for (const CountRange& range : counts)
    if (range.value && (*range.value < range.min || *range.value > range.max))
      throw RequestError("{} must be in [{}, {}], got {}", range.name, range.min, range.max, *range.value);
  check_length("logit_bias", params.logit_bias.size(), kMaxLogitBias);
  for (const auto& [token, bias] : params.logit_bias) {
    check_token("logit_bias", token, n_vocab);
    if (!(bias >= -100 && bias <= 100))
      throw RequestError("logit_bias of token {} must be in [-100, 100], got {}", token, bias);
  }
  check_length("stop", params.stop.size(), kMaxStops);
  for (const std::string& stop : params.stop) {
    if (stop.empty()) throw RequestError("stop has an empty string: it would end every answer before it begins");
    if (stop.size() > kMaxStopBytes)
      throw RequestError("stop has a string of {} bytes: at most {} are allowed", stop.size(), kMaxStopBytes);
  }
  check_length("stop_token_ids", params.stop_token_ids.size(), kMaxStopIds);
  for (const int token : params.stop_token_ids) check_token("stop_token_ids", token, n_vocab);
}

void validate_prompt(const std::vector<int>& prompt_ids, int n_vocab, int max_model_len) {
  if (prompt_ids.empty()) throw RequestError("the prompt is empty: at least one token is needed");
  if (prompt_ids.size() >= std::size_t(max_model_len))
    throw RequestError("the prompt has {} tokens: with at least one to answer, a context of {} holds at most {}",
                       prompt_ids.size(), max_model_len, max_model_len - 1);
  for (std::size_t i = 0; i < prompt_ids.size(); ++i)
    if (prompt_ids[i] < 0 || prompt_ids[i] >= n_vocab)
      throw RequestError("the prompt's token {} is id {}: the vocabulary has ids 0 to {}", i, prompt_ids[i],
                         n_vocab - 1);
}

}  // namespace nibble::engine
