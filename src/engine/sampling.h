// From logits to the next token: logit bias, penalties, temperature, min-p, top-k and top-p in vLLM's order, then one
// draw. Nothing is ever sorted in full: what survives the filters is everything down to one candidate, found by selection.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/request.h"

namespace nibble::engine {

struct TokenLogprob {
  int id = 0;
  float logprob = 0;  // of the raw logits: before bias, penalties and temperature
};

struct SampledToken {
  int id = 0;
  std::optional<float> logprob;   // where the request asks for logprobs
  std::vector<TokenLogprob> top;  // most likely first, lower id first among equals
};

// What penalties need to know of a sequence.
class TokenCounts {
 public:
  TokenCounts(const SamplingParams& params, std::span<const int> prompt);
  void add_output(int token);
  void apply(const SamplingParams& params, std::span<float> logits) const;
  std::size_t size() const { return outputs_of_.size(); }

 private:
  bool active_;
  std::unordered_map<int, int> outputs_of_;  // every token of prompt and output -> how often in the output
};

// How many of the largest logits decide the next token; 0: all of them. Bias and penalties that only lower the logits of n
// tokens can bring up at most n others.
int logits_needed(const SamplingParams& params, const TokenCounts& counts);

// Higher logit first, then lower id: a strict order, so results never depend on how a selection got there.
struct Candidate {
  float logit = 0;
  int id = 0;
  bool operator<(const Candidate& other) const {
    return logit > other.logit || (logit == other.logit && id < other.id);
  }
};

// Holds scratch only, so one sampler serves every request.
class Sampler {
 public:
  // Chooses the token for `position` (its own index in the sequence). `logits` [n_vocab] are changed. Error if one of
  // them is not finite.
  SampledToken sample(const SamplingParams& params, std::uint64_t seed, int position, const TokenCounts& counts,
                      std::span<float> logits);

 private:
  void select_best(std::span<const float> logits, std::size_t n);
  Candidate last_kept(const SamplingParams& params, std::span<const float> logits, float max);
  Candidate last_of_nucleus(double top_p, float max, double total);
  int draw(std::span<const float> logits, float max, Candidate last, double uniform);
  void add_logprobs(std::size_t n, std::span<const float> logits, SampledToken& token);

  std::vector<Candidate> candidates_;
  std::vector<std::pair<int, double>> weights_;  // (token, unnormalised probability), by id
};

}  // namespace nibble::engine
