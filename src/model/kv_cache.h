// Keys and values of many sequences. Full layers page their blocks from one pool; a sliding layer gives each sequence a
// ring as long as its window and a batch; KV-shared layers store nothing and read their source layer's.
#pragma once

#include <memory>
#include <vector>

#include "device/device.h"
#include "format/gemma4_config.h"

namespace nibble::model {

struct KvLimits {
  int max_sequences = 1;
  int max_positions = 4096;  // of one sequence
  int max_batch_rows = 256;  // rows of one sequence in one step
  int pool_positions = 0;    // of all sequences together in full layers; 0: max_sequences * max_positions
};

class KvCache {
 public:
  // Error if it is more than the device has free, with the length that fits.
  KvCache(device::Device& device, const format::TextConfig& config, const KvLimits& limits);

  int open();  // a sequence's handle, or -1 when max_sequences are open
  void close(int sequence);
  // Makes room for positions [0, n_positions). False: the pool is exhausted and nothing changed.
  [[nodiscard]] bool reserve(int sequence, int n_positions);

  device::KvBuffer& layer(int index) { return *layers_[std::size_t(index)]; }  // own-KV layers only
  // The first position at which a sequence once written up to `n_written` can be continued differently: further back, its
  // rings have lost part of the window.
  int earliest_rewind(int sequence, int n_written) const;
  // What a row at `position` of `sequence` attends to in a layer of that kind, itself included.
  device::AttentionRow attention_row(format::AttentionKind kind, int sequence, int position) const;

  const KvLimits& limits() const { return limits_; }
  std::size_t bytes() const { return bytes_; }
  int free_blocks() const { return int(free_blocks_.size()); }
  int total_blocks() const { return total_blocks_; }

 private:
  struct Sequence {
    bool open = false;
    std::vector<int> full_blocks;     // one per kKvBlock positions
    std::vector<int> sliding_blocks;  // the ring, fixed
  };
  KvLimits limits_;
  int window_ = 0;
  int total_blocks_ = 0;
  std::vector<std::unique_ptr<device::KvBuffer>> layers_;  // null in KV-shared layers
  std::vector<Sequence> sequences_;
  std::vector<int> free_blocks_;
  std::size_t bytes_ = 0;
};

}  // namespace nibble::model
