// What is asked of the engine: a prompt as token ids and how to choose what follows. Names, meanings and ranges are
// those of vLLM's sampling parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace nibble::engine {

// The caller's mistake, as opposed to a failure of ours: a server answers it with 400.
class RequestError : public Error {
 public:
  using Error::Error;
};

struct SamplingParams {
  double temperature = 1.0;  // 0: greedy
  std::int64_t top_k = 0;    // 0 or -1: all
  double top_p = 1.0;
  double min_p = 0.0;                                   // relative to the most likely token
  double repetition_penalty = 1.0;                      // over prompt and output
  double presence_penalty = 0.0;                        // over the output
  double frequency_penalty = 0.0;                       // over the output
  std::vector<std::pair<int, double>> logit_bias = {};  // (token, added to its logit)
  std::optional<std::uint64_t> seed = {};               // absent: drawn when submitted
  std::optional<std::int64_t> max_new_tokens = {};      // absent: what the context holds
  std::vector<std::string> stop = {};                   // matched on text: by TextStream, not by the engine
  std::vector<int> stop_token_ids = {};
  bool ignore_eos = false;                    // the model's own end tokens only; stop_token_ids still stop
  std::optional<std::int64_t> logprobs = {};  // of the token, and of this many of the most likely
};

struct Request {
  std::vector<int> prompt_ids;
  SamplingParams params;
  // The sequence's KV outlives it, for a later request whose prompt continues it; given back when somebody needs room.
  bool keep_cache = false;
};

// Throws RequestError unless every field is in its range (the table is in request.cpp).
void validate(const SamplingParams& params, int n_vocab);
// Throws RequestError unless the prompt has 1 .. max_model_len - 1 tokens of the vocabulary: one more must fit.
void validate_prompt(const std::vector<int>& prompt_ids, int n_vocab, int max_model_len);

}  // namespace nibble::engine
