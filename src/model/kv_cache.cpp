#include "model/kv_cache.h"

#include <algorithm>

#include "base/check.h"

namespace nibble::model {
namespace {

using device::kKvBlock;
using format::AttentionKind;

int blocks_for(int n_positions) { return (n_positions + kKvBlock - 1) / kKvBlock; }

}  // namespace

KvCache::KvCache(device::Device& device, const format::TextConfig& config, const KvLimits& limits)
    : limits_(limits), window_(config.sliding_window) {
  if (limits_.pool_positions == 0) limits_.pool_positions = limits_.max_sequences * limits_.max_positions;
  total_blocks_ = std::max(blocks_for(limits_.pool_positions), blocks_for(limits_.max_positions));
  // A ring holds the window of the oldest row of a step and the whole step; a span of n positions touches at most
  // one block more than it fills.
  const int ring = std::min(blocks_for(window_ - 1 + limits_.max_batch_rows) + 1, blocks_for(limits_.max_positions));
  for (int index = 0; index < int(config.layers.size()); ++index) {
    const format::LayerConfig& layer = config.layers[std::size_t(index)];
    if (layer.kv_source != index) {
      layers_.push_back(nullptr);
      continue;
    }
    const int n_blocks = layer.kind == AttentionKind::kFull ? total_blocks_ : ring * limits_.max_sequences;
    layers_.push_back(device.allocate_kv(n_blocks * kKvBlock, layer.n_kv_heads, layer.head_dim));
    bytes_ += layers_.back()->bytes;
  }
  sequences_.resize(std::size_t(limits_.max_sequences));
  for (int s = 0; s < limits_.max_sequences; ++s)
    for (int b = 0; b < ring; ++b) sequences_[std::size_t(s)].sliding_blocks.push_back(s * ring + b);
  for (int b = total_blocks_ - 1; b >= 0; --b) free_blocks_.push_back(b);
}

int KvCache::open() {
  for (int s = 0; s < limits_.max_sequences; ++s) {
    Sequence& sequence = sequences_[std::size_t(s)];
    if (sequence.open) continue;
    sequence.open = true;
    return s;
  }
  return -1;
}

void KvCache::close(int handle) {
  Sequence& sequence = sequences_[std::size_t(handle)];
  check(sequence.open, "only an open sequence is closed");
  free_blocks_.insert(free_blocks_.end(), sequence.full_blocks.begin(), sequence.full_blocks.end());
  sequence.full_blocks.clear();
  sequence.open = false;
}

bool KvCache::reserve(int handle, int n_positions) {
  Sequence& sequence = sequences_[std::size_t(handle)];
  check(n_positions <= limits_.max_positions, "admission bounds a sequence's length");
  const int missing = blocks_for(n_positions) - int(sequence.full_blocks.size());
  if (missing > int(free_blocks_.size())) return false;
  for (int i = 0; i < missing; ++i) {
    sequence.full_blocks.push_back(free_blocks_.back());
    free_blocks_.pop_back();
  }
  return true;
}

int KvCache::earliest_rewind(int handle, int n_written) const {
  const int ring = int(sequences_[std::size_t(handle)].sliding_blocks.size()) * kKvBlock;
  return n_written <= ring ? 0 : n_written - ring + window_ - 1;
}

device::AttentionRow KvCache::attention_row(AttentionKind kind, int handle, int position) const {
  const Sequence& sequence = sequences_[std::size_t(handle)];
  const bool full = kind == AttentionKind::kFull;
  const std::vector<int>& blocks = full ? sequence.full_blocks : sequence.sliding_blocks;
  return {.first = full ? 0 : std::max(0, position - window_ + 1),
          .last = position,
          .blocks = blocks.data(),
          .n_blocks = int(blocks.size())};
}

}  // namespace nibble::model
