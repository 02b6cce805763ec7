// Who runs next: requests wait in the order of their arrival, and every running sequence gets rows in each step: one
// where it decodes, a piece of its prompt where it does not. Knows sequences and the KV cache, no model.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "engine/request.h"
#include "engine/sampling.h"
#include "model/gemma4.h"

namespace nibble::engine {

using RequestId = std::uint64_t;

struct Sequence {
  explicit Sequence(Request request)
      : params(std::move(request.params)),
        keep_cache(request.keep_cache),
        tokens(std::move(request.prompt_ids)),
        counts(params, tokens) {}

  RequestId id = 0;
  SamplingParams params;
  bool keep_cache;
  std::vector<int> tokens;  // prompt, then output
  TokenCounts counts;
  std::size_t max_length = 0;  // of tokens
  std::uint64_t seed = 0;
  // From admission on:
  int kv = -1;                 // handle in the cache
  std::size_t n_computed = 0;  // positions in the cache
  std::size_t n_cached = 0;    // of these, found there at admission
  std::size_t n_written = 0;   // positions the cache ever held for this handle: n_computed, or more after going back
};

// One step: rows, and the sequences that get a token from it, in the order of the rows that want logits.
struct Batch {
  std::vector<model::Row> rows;
  std::vector<Sequence*> wanting;
  struct Part {
    Sequence* sequence;
    std::size_t n_rows;
  };
  std::vector<Part> parts;  // every sequence that has rows
};

class Scheduler {
 public:
  Scheduler(model::KvCache& cache, int max_batch_rows) : cache_(cache), max_batch_rows_(max_batch_rows) {}

  void add(std::unique_ptr<Sequence> sequence);
  bool idle() const { return waiting_.empty() && running_.empty(); }
  std::size_t n_waiting() const { return waiting_.size(); }
  std::size_t n_running() const { return running_.size(); }

  // Admits what fits and lays out the next step. Empty only where nothing waits or runs.
  Batch next();
  // Counts the rows of a finished step as computed.
  void computed(const Batch& batch);
  // Take a sequence out, waiting or running; false if there is none. finish() keeps the KV of one that asked for it.
  bool finish(RequestId id);
  bool discard(RequestId id);

 private:
  // KV of a sequence that is over: positions [0, tokens.size()) hold exactly these tokens.
  struct Kept {
    std::vector<int> tokens;
    int kv = -1;
    std::size_t n_written = 0;
    std::size_t n_shared = 0;  // with the sequence it is taken for
  };
  std::unique_ptr<Sequence> take_out(RequestId id);
  bool admit(Sequence& sequence);
  bool reserve(int kv, std::size_t length);
  std::optional<Kept> take_kept(const std::vector<int>& tokens);
  bool drop_oldest_kept();

  model::KvCache& cache_;
  int max_batch_rows_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // by admission
  std::deque<Kept> kept_;                           // oldest first
};

}  // namespace nibble::engine
