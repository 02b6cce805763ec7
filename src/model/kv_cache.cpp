#include "model/kv_cache.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace nibble::model {
namespace {

using device::kKvBlock;
using format::AttentionKind;

int blocks_for(int n_positions) { return (n_positions + kKvBlock - 1) / kKvBlock; }

// Blocks of a full layer's pool, of a sliding layer's ring for each sequence.
struct Blocks {
  int pool = 0, ring = 0, rings = 0;
  int of(AttentionKind kind) const { return kind == AttentionKind::kFull ? pool : ring * rings; }
};

Blocks blocks_of(const format::TextConfig& config, const KvLimits& limits) {
  Blocks blocks{.rings = limits.max_sequences};
  const int pool = limits.pool_positions > 0 ? limits.pool_positions : limits.max_sequences * limits.max_positions;
  blocks.pool = std::max(blocks_for(pool), blocks_for(limits.max_positions));
  // A ring holds the window of the oldest row of a step and the whole step; a span of n positions touches at most
  // one block more than it fills.
  blocks.ring =
      std::min(blocks_for(config.sliding_window - 1 + limits.max_batch_rows) + 1, blocks_for(limits.max_positions));
  return blocks;
}

bool stores_kv(const format::TextConfig& config, int layer) {
  return config.layers[std::size_t(layer)].kv_source == layer;
}

std::uint64_t bytes_of(const device::Device& device, const format::TextConfig& config, const KvLimits& limits) {
  const Blocks blocks = blocks_of(config, limits);
  std::uint64_t bytes = 0;
  for (int index = 0; index < int(config.layers.size()); ++index) {
    const format::LayerConfig& layer = config.layers[std::size_t(index)];
    if (stores_kv(config, index))
      bytes += std::uint64_t(blocks.of(layer.kind)) * kKvBlock * device.kv_slot_bytes(layer.n_kv_heads, layer.head_dim);
  }
  return bytes;
}

// Memory is given page by page as it is written: without this, the kernel would end the process in mid-answer.
void check_fits(const device::Device& device, const format::TextConfig& config, const KvLimits& limits) {
  const std::uint64_t needed = bytes_of(device, config, limits), free = device.free_bytes();
  if (needed <= free) return;
  const auto fits = [&](int n_positions) {
    KvLimits shorter = limits;
    shorter.max_positions = n_positions;
    if (limits.pool_positions > 0)
      shorter.pool_positions = std::min(limits.pool_positions, n_positions * limits.max_sequences);
    return bytes_of(device, config, shorter) <= free;
  };
  int longest = 0;
  for (int step = 1 << 30; step > 0; step /= 2)
    if (longest + step < limits.max_positions && fits(longest + step)) longest += step;
  throw Error(
      "a context of {} tokens for {} sequence{} needs {:.2f} GB for keys and values, and {:.2f} GB of memory "
      "are free: --max-model-len {} fits",
      limits.max_positions, limits.max_sequences, limits.max_sequences == 1 ? "" : "s", double(needed) / 1e9,
      double(free) / 1e9, longest);
}

}  // namespace

KvCache::KvCache(device::Device& device, const format::TextConfig& config, const KvLimits& limits)
    : limits_(limits), window_(config.sliding_window) {
  check_fits(device, config, limits);
  const Blocks blocks = blocks_of(config, limits);
  total_blocks_ = blocks.pool;
  for (int index = 0; index < int(config.layers.size()); ++index) {
    const format::LayerConfig& layer = config.layers[std::size_t(index)];
    if (!stores_kv(config, index)) {
      layers_.push_back(nullptr);
      continue;
    }
    layers_.push_back(device.allocate_kv(blocks.of(layer.kind) * kKvBlock, layer.n_kv_heads, layer.head_dim));
    bytes_ += layers_.back()->bytes;
  }
  sequences_.resize(std::size_t(limits_.max_sequences));
  for (int s = 0; s < limits_.max_sequences; ++s)
    for (int b = 0; b < blocks.ring; ++b) sequences_[std::size_t(s)].sliding_blocks.push_back(s * blocks.ring + b);
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
