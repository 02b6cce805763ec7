#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace nibble::engine {

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  // The pool holds at least one sequence of this length, so whoever is first gets in when all others are over.
  check(sequence->max_length <= std::size_t(cache_.limits().max_positions), "submission bounds a sequence's length");
  waiting_.push_back(std::move(sequence));
}

Batch Scheduler::next() {
  // First come, first served: nobody overtakes the first who does not fit.
  while (!waiting_.empty() && admit(*waiting_.front())) {
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  Batch batch;
  std::size_t left = std::size_t(max_batch_rows_);
  const auto add_rows = [&](Sequence& sequence) {
    const std::size_t n = std::min(left, sequence.tokens.size() - sequence.n_computed);
    if (n == 0) return;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t position = sequence.n_computed + i;
      const bool last = position + 1 == sequence.tokens.size();
      batch.rows.push_back({sequence.tokens[position], sequence.kv, int(position), last});
      if (last) batch.wanting.push_back(&sequence);
    }
    batch.parts.push_back({&sequence, n});
    left -= n;
  };
  // Decoding sequences first, so that a long prompt slows nobody's answer by more than its piece; prompts take the rest,
  // the oldest first.
  const auto decodes = [](const Sequence& s) { return s.tokens.size() - s.n_computed == 1; };
  for (const auto& sequence : running_)
    if (decodes(*sequence)) add_rows(*sequence);
  for (const auto& sequence : running_)
    if (!decodes(*sequence)) add_rows(*sequence);
  return batch;
}

void Scheduler::computed(const Batch& batch) {
  for (const auto& [sequence, n_rows] : batch.parts) {
    sequence->n_computed += n_rows;
    sequence->n_written = std::max(sequence->n_written, sequence->n_computed);
  }
}

std::unique_ptr<Sequence> Scheduler::take_out(RequestId id) {
  const auto has_id = [id](const auto& sequence) { return sequence->id == id; };
  const auto take = [](auto& from, auto at) {
    std::unique_ptr<Sequence> sequence = std::move(*at);
    from.erase(at);
    return sequence;
  };
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(), has_id);
  if (waiting != waiting_.end()) return take(waiting_, waiting);
  const auto running = std::find_if(running_.begin(), running_.end(), has_id);
  return running == running_.end() ? nullptr : take(running_, running);
}

bool Scheduler::discard(RequestId id) {
  const std::unique_ptr<Sequence> sequence = take_out(id);
  if (sequence != nullptr && sequence->kv >= 0) cache_.close(sequence->kv);
  return sequence != nullptr;
}

bool Scheduler::finish(RequestId id) {
  const std::unique_ptr<Sequence> sequence = take_out(id);
  if (sequence == nullptr || sequence->kv < 0) return sequence != nullptr;
  if (!sequence->keep_cache) {
    cache_.close(sequence->kv);
    return true;
  }
  const auto end = sequence->tokens.begin() + std::ptrdiff_t(sequence->n_computed);
  kept_.push_back({.tokens = {sequence->tokens.begin(), end}, .kv = sequence->kv, .n_written = sequence->n_written});
  return true;
}

// Room for the whole sequence is reserved at admission: one that runs never lacks a block halfway.
bool Scheduler::admit(Sequence& sequence) {
  if (std::optional<Kept> kept = take_kept(sequence.tokens)) {
    if (!reserve(kept->kv, sequence.max_length)) {
      kept_.push_back(std::move(*kept));
      return false;
    }
    sequence.kv = kept->kv;
    sequence.n_computed = sequence.n_cached = kept->n_shared;
    sequence.n_written = kept->n_written;
    return true;
  }
  int kv = cache_.open();
  while (kv < 0 && drop_oldest_kept()) kv = cache_.open();
  if (kv < 0) return false;
  if (!reserve(kv, sequence.max_length)) {
    cache_.close(kv);
    return false;
  }
  sequence.kv = kv;
  return true;
}

bool Scheduler::reserve(int kv, std::size_t length) {
  while (!cache_.reserve(kv, int(length)))
    if (!drop_oldest_kept()) return false;
  return true;
}

// The kept sequence that shares the longest beginning with these tokens, if the cache can go back to where they part.
std::optional<Scheduler::Kept> Scheduler::take_kept(const std::vector<int>& tokens) {
  auto best = kept_.end();
  std::size_t best_length = 0;
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    const auto parted = std::mismatch(kept->tokens.begin(), kept->tokens.end(), tokens.begin(), tokens.end()).first;
    // The last token is run in any case: its logits are wanted.
    const std::size_t length = std::min(std::size_t(parted - kept->tokens.begin()), tokens.size() - 1);
    const bool intact = int(length) >= cache_.earliest_rewind(kept->kv, int(kept->n_written));
    if (intact && length > best_length) best_length = length, best = kept;
  }
  if (best == kept_.end()) return std::nullopt;
  Kept taken = std::move(*best);
  taken.n_shared = best_length;
  kept_.erase(best);
  return taken;
}

bool Scheduler::drop_oldest_kept() {
  if (kept_.empty()) return false;
  cache_.close(kept_.front().kv);
  kept_.pop_front();
  return true;
}

}  // namespace nibble::engine
