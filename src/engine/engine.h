// Answers requests: each step runs one batch of rows through the model and gives every sequence whose turn it is a
// token. Knows ids only; text and stop strings are TextStream's. One thread calls it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/generation_config.h"
#include "engine/scheduler.h"
#include "model/gemma4.h"

namespace nibble::engine {

struct EngineLimits {
  int max_model_len = 4096;  // prompt and answer of one sequence
  int max_sequences = 1;     // running at once; more wait
  int max_batch_rows = 256;  // of one step; at least max_sequences
  int pool_positions = 0;    // KV of all sequences together; 0: max_sequences * max_model_len
};

enum class FinishReason { kStop, kLength, kError };
std::string_view name_of(FinishReason reason);  // "stop", "length", "error"

struct Event {
  RequestId id = 0;
  std::optional<SampledToken> token = {};   // the end token included
  std::optional<FinishReason> finish = {};  // the request is over
  std::string error = {};                   // with kError
  std::size_t n_cached = 0;                 // tokens of the prompt whose KV was there already
};

class Engine {
 public:
  // `weights` outlives the engine. Error for limits the model cannot serve.
  Engine(device::Device& device, const model::Weights& weights, std::vector<int> eos_token_ids,
         const EngineLimits& limits);

  // Throws RequestError for a request that can never be served; else it waits for its turn.
  RequestId submit(Request request);
  // Runs one batch. What fails ends in events of the requests it ran, and of no other; never throws for them.
  std::vector<Event> step();
  // Ends a request without a further event. False: it is not here (any more).
  bool cancel(RequestId id);
  bool idle() const { return scheduler_.idle(); }

  const EngineLimits& limits() const { return limits_; }
  int n_vocab() const { return model_.config().n_vocab; }
  std::size_t kv_bytes() const { return cache_.bytes(); }
  int free_kv_blocks() const { return cache_.free_blocks(); }

 private:
  Event take_token(Sequence& sequence, device::Array logits);
  void fail(const Batch& batch, const std::string& why, std::vector<Event>& events);

  device::Device& device_;
  EngineLimits limits_;
  std::vector<int> eos_token_ids_;  // sorted
  model::Gemma4 model_;
  model::KvCache cache_;
  Scheduler scheduler_;
  Sampler sampler_;
  std::vector<float> logits_;  // of one row, on the host
  RequestId last_id_ = 0;
};

}  // namespace nibble::engine
