#include "device/cpu/split_attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace nibble::device::cpu {
namespace {

// Enough for 16 threads in the full layers of a short context, and no more partial results than that in a long one.
constexpr int kLeastPositions = 256;
constexpr int kMostPieces = 16;
constexpr int kRowsAtOnce = 64;  // bounds the partial results of a long prompt

int positions_of_a_piece(int n_positions) {
  const int share = (n_positions + kMostPieces - 1) / kMostPieces;
  return std::max(kLeastPositions, (share + kKvBlock - 1) / kKvBlock * kKvBlock);
}

}  // namespace

void SplitAttention::run(ThreadTeam& team, const Kernels& kernels, Array q, const CpuKv& cache,
                         std::span<const AttentionRow> rows, Array out) {
  for (int begin = 0; begin < q.rows; begin += kRowsAtOnce) {
    const int n = std::min(kRowsAtOnce, q.rows - begin);
    run_some(team, kernels, {q.row(begin), n, q.cols, q.stride}, cache,
             rows.subspan(std::size_t(begin), std::size_t(n)), {out.row(begin), n, out.cols, out.stride});
  }
}

void SplitAttention::run_some(ThreadTeam& team, const Kernels& kernels, Array q, const CpuKv& cache,
                              std::span<const AttentionRow> rows, Array out) {
  const int n_queries = q.cols / cache.head_dim / cache.n_kv_heads, width = n_queries * cache.head_dim;
  pieces_.clear();
  begins_.clear();
  int longest = 0;
  for (int r = 0; r < q.rows; ++r) {
    const AttentionRow& row = rows[std::size_t(r)];
    const int step = positions_of_a_piece(row.last - row.first + 1);
    longest = std::max(longest, std::min(step, row.last - row.first + 1));
    for (int kv_head = 0; kv_head < cache.n_kv_heads; ++kv_head) {
      begins_.push_back(int(pieces_.size()));
      for (int first = row.first; first <= row.last; first += step)
        pieces_.push_back({r, kv_head, first, std::min(row.last, first + step - 1)});
    }
  }
  begins_.push_back(int(pieces_.size()));
  const std::size_t n_partial = pieces_.size() * std::size_t(n_queries);
  outs_.resize(n_partial * std::size_t(cache.head_dim));
  largest_.resize(n_partial);
  totals_.resize(n_partial);
  scores_.resize(std::size_t(team.size()));

  const auto alone = [&](int i) { return begins_[std::size_t(i) + 1] - begins_[std::size_t(i)] == 1; };
  const auto out_of = [&](int r, int kv_head) { return out.row(r) + kv_head * width; };
  std::atomic<int> next{0};
  team.run([&](int thread) {
    std::vector<float>& scores = scores_[std::size_t(thread)];
    scores.resize(std::size_t(n_queries) * std::size_t(longest));
    for (int i = next++; i < int(pieces_.size()); i = next++) {
      const Piece& piece = pieces_[std::size_t(i)];
      const int group = piece.row * cache.n_kv_heads + piece.kv_head;
      AttentionRow row = rows[std::size_t(piece.row)];
      row.first = piece.first;
      row.last = piece.last;
      kernels.attention({.q = q.row(piece.row) + piece.kv_head * width,
                         .n_queries = n_queries,
                         .kv_head = piece.kv_head,
                         .cache = &cache,
                         .row = row,
                         .scores = scores.data(),
                         .out = alone(group) ? out_of(piece.row, piece.kv_head) : outs_.data() + i * width,
                         .largest = largest_.data() + i * n_queries,
                         .totals = totals_.data() + i * n_queries});
    }
  });
  if (int(pieces_.size()) == q.rows * cache.n_kv_heads) return;

  // sum_i e^(largest_i - max) total_i out_i, over the same sum without out_i.
  team.parallel_for(std::size_t(q.rows * cache.n_kv_heads), 1, [&](std::size_t from, std::size_t to) {
    for (int group = int(from); group < int(to); ++group) {
      if (alone(group)) continue;
      const int begin = begins_[std::size_t(group)], end = begins_[std::size_t(group) + 1];
      for (int h = 0; h < n_queries; ++h) {
        float* merged = out_of(group / cache.n_kv_heads, group % cache.n_kv_heads) + h * cache.head_dim;
        float max = -INFINITY, total = 0;
        for (int i = begin; i < end; ++i) max = std::max(max, largest_[std::size_t(i * n_queries + h)]);
        for (int i = begin; i < end; ++i) {
          const std::size_t at = std::size_t(i * n_queries + h);
          total += totals_[at] *= std::exp(largest_[at] - max);
        }
        std::fill(merged, merged + cache.head_dim, 0.0f);
        for (int i = begin; i < end; ++i) {
          const float weight = totals_[std::size_t(i * n_queries + h)] / total;
          const float* partial = outs_.data() + i * width + h * cache.head_dim;
          for (int d = 0; d < cache.head_dim; ++d) merged[d] += weight * partial[d];
        }
      }
    }
  });
}

}  // namespace nibble::device::cpu
