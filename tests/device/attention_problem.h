// Random keys, values and queries for one KV head, and how far from the scalar kernel another may be.
#pragma once

#include <algorithm>
#include <numeric>
#include <random>

#include "format/bf16.h"
#include "instruction_sets.h"

namespace nibble::device::cpu {

// Keys and queries whose products do not round, so that the bound is that of the softmax and the weighted
// sum.
struct AttentionProblem {
  CpuKv cache;
  std::vector<int> blocks;
  std::vector<float> q, bounds;
  AttentionTask task;

  AttentionProblem(KvType type, int n_queries, int head_dim, int first, int n_positions,
                   float query_scale = 1.0f / 16) {
    std::mt19937 random(unsigned(n_queries * 1000 + head_dim + n_positions));
    const int n_kv_heads = 3, n_ring = (n_positions + kKvBlock - 1) / kKvBlock + 1, n_blocks = n_ring + 4;
    cache.type = type;
    cache.n_slots = n_blocks * kKvBlock;
    cache.n_kv_heads = n_kv_heads;
    cache.head_dim = head_dim;
    const std::size_t n = std::size_t(cache.n_slots) * std::size_t(n_kv_heads * head_dim);
    cache.keys = Memory(n * 4);
    cache.values = Memory(n * 4);
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < n; ++i) {
      const float key = (float(random() % 9) - 4) / 8, value = format::round_to_bf16(normal(random));
      store(&key, 1, type, cache.keys, i);
      store(&value, 1, type, cache.values, i);
    }
    for (int i = 0; i < n_queries * head_dim; ++i) q.push_back((float(random() % 9) - 4) * query_scale);
    blocks.resize(std::size_t(n_blocks));
    std::iota(blocks.begin(), blocks.end(), 0);
    std::shuffle(blocks.begin(), blocks.end(), random);
    task = {.q = q.data(), .n_queries = n_queries, .kv_head = 1, .cache = &cache};
    task.row = {.first = first, .last = first + n_positions - 1, .blocks = blocks.data(), .n_blocks = n_ring};
    find_bounds();
  }
  AttentionProblem(const AttentionProblem&) = delete;
  AttentionProblem& operator=(const AttentionProblem&) = delete;

  // What nobody asked for: every slot outside the window, and the other KV heads of those within.
  void poison_the_rest() {
    std::vector<bool> wanted(std::size_t(cache.n_slots));
    for (int p = task.row.first; p <= task.row.last; ++p) wanted[std::size_t(task.row.slot(p))] = true;
    for (int slot = 0; slot < cache.n_slots; ++slot) {
      for (int head = 0; head < cache.n_kv_heads; ++head) {
        if (wanted[std::size_t(slot)] && head == task.kv_head) continue;
        for (Memory* memory : {&cache.keys, &cache.values}) {
          for (int d = 0; d < cache.head_dim; ++d) {
            const std::size_t i = std::size_t((slot * cache.n_kv_heads + head) * cache.head_dim + d);
            // Code 0x7f, e4m3's NaN, is never stored and would read as 480.
            const float poison = cache.type == KvType::kFP8 ? 448.0f : std::nanf("");
            store(&poison, 1, cache.type, *memory, i);
          }
        }
      }
    }
  }

  double element(const Memory& memory, int position, int d) const {
    const std::size_t i = std::size_t((task.row.slot(position) * cache.n_kv_heads + task.kv_head) * cache.head_dim + d);
    return double(cpu::element(memory, cache.type, i));
  }

  void find_bounds() {
    const int n = task.row.last - task.row.first + 1, head_dim = cache.head_dim;
    for (int h = 0; h < task.n_queries; ++h) {
      std::vector<double> scores;
      for (int i = 0; i < n; ++i) {
        double score = 0;
        for (int d = 0; d < head_dim; ++d)
          score += double(q[std::size_t(h * head_dim + d)]) * element(cache.keys, task.row.first + i, d);
        scores.push_back(score);
      }
      const double largest = *std::max_element(scores.begin(), scores.end());
      double total = 0, spread = 0;
      for (double& score : scores) {
        spread = std::max(spread, largest - score);
        total += score = std::exp(score - largest);
      }
      for (int d = 0; d < head_dim; ++d) {
        double magnitude = 0;
        for (int i = 0; i < n; ++i)
          magnitude += scores[std::size_t(i)] / total * std::abs(element(cache.values, task.row.first + i, d));
        bounds.push_back(float(2 * magnitude * (2 * (spread + 4) + 2 * n + 4) * kUnit));
      }
    }
  }

  std::vector<float> run(const Kernels& kernels) const {
    std::vector<float> out(q.size(), kUntouched);
    std::vector<float> scores(std::size_t(task.n_queries) * std::size_t(task.row.last - task.row.first + 1));
    AttentionTask filled = task;
    filled.scores = scores.data();
    filled.out = out.data();
    std::vector<float> largest(std::size_t(task.n_queries)), totals(largest.size());
    filled.largest = largest.data();
    filled.totals = totals.data();
    kernels.attention(filled);
    return out;
  }
};

}  // namespace nibble::device::cpu
