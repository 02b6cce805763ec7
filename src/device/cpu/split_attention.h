// Attention of many rows by the whole team. What a row attends to is cut into pieces by its length alone, never by the
// number of threads or the company in the batch, so that a row's result is the same whatever runs beside it; the pieces are
// put together by the largest scores and the sums of weights that each kernel call reports.
#pragma once

#include <span>
#include <vector>

#include "base/threads.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

class SplitAttention {
 public:
  // As Device::attention.
  void run(ThreadTeam& team, const Kernels& kernels, Array q, const CpuKv& cache, std::span<const AttentionRow> rows,
           Array out);

 private:
  struct Piece {
    int row = 0, kv_head = 0, first = 0, last = 0;
  };
  void run_some(ThreadTeam& team, const Kernels& kernels, Array q, const CpuKv& cache,
                std::span<const AttentionRow> rows, Array out);

  std::vector<Piece> pieces_;               // of a row and KV head one after the other
  std::vector<int> begins_;                 // of (row, KV head) in pieces_, and the end
  std::vector<float> outs_;                 // [pieces, queries, head_dim]
  std::vector<float> largest_, totals_;     // [pieces, queries]
  std::vector<std::vector<float>> scores_;  // scratch of the kernels, one a thread
};

}  // namespace nibble::device::cpu
