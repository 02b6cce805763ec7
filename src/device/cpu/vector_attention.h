// Softmax attention of the query heads that share a KV head, over the vector type V of an instruction set
// (f32x8.h, f32x16.h). Bound by reading K and V once: a load serves up to four queries. Positions are taken
// in runs that lie in one block of the cache, so that the values of a run stay in the first-level cache while
// columns are worked through. Every function here is a template on V, a type of an unnamed namespace, and so
// stays inside its object file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/kernels.h"
#include "device/cpu/vector_math.h"

namespace nibble::device::cpu {

// Positions [position, position + n) of a row, neighbours in the cache.
template <typename Element>
struct KvRun {
  const Element* keys = nullptr;  // of the first position and the task's KV head
  const Element* values = nullptr;
  std::ptrdiff_t stride = 0;  // elements from a position to the next
  int n = 0;
};

template <typename V, typename Element>
KvRun<Element> kv_run(const AttentionTask& task, int position) {
  const CpuKv& cache = *task.cache;
  const std::ptrdiff_t stride = std::ptrdiff_t(cache.n_kv_heads) * cache.head_dim;
  const std::ptrdiff_t start = task.row.slot(position) * stride + std::ptrdiff_t(task.kv_head) * cache.head_dim;
  const int in_block = kKvBlock - position % kKvBlock, left = task.row.last - position + 1;
  return {cache.keys.as<Element>() + start, cache.values.as<Element>() + start, stride,
          in_block < left ? in_block : left};
}

// The first n < V::kLanes elements at `from`, then zeros.
template <typename V, typename Element>
typename V::Vector load_some(const Element* from, int n) {
  Element some[V::kLanes] = {};
  for (int i = 0; i < n; ++i) some[i] = from[i];
  return V::load(some);
}

// scores[h * n_scores + p] = q[h] . keys[p] for kQueries queries and kPositions positions
template <typename V, int kQueries, int kPositions, typename Element>
void score(const float* q, int head_dim, const Element* keys, std::ptrdiff_t stride, float* scores,
           std::ptrdiff_t n_scores) {
  typename V::Vector sum[kQueries][kPositions];
  for (int h = 0; h < kQueries; ++h)
    for (int p = 0; p < kPositions; ++p) sum[h][p] = V::set(0);
  int d = 0;
  for (; d + V::kLanes <= head_dim; d += V::kLanes) {
    typename V::Vector key[kPositions];
    for (int p = 0; p < kPositions; ++p) key[p] = V::load(keys + p * stride + d);
    for (int h = 0; h < kQueries; ++h) {
      const auto query = V::load(q + h * head_dim + d);
      for (int p = 0; p < kPositions; ++p) sum[h][p] = V::multiply_add(query, key[p], sum[h][p]);
    }
  }
  for (int h = 0; h < kQueries; ++h) {
    for (int p = 0; p < kPositions; ++p) {
      if (d < head_dim) {
        const auto key = load_some<V>(keys + p * stride + d, head_dim - d);
        sum[h][p] = V::multiply_add(load_some<V>(q + h * head_dim + d, head_dim - d), key, sum[h][p]);
      }
      scores[h * n_scores + p] = V::sum(sum[h][p]);
    }
  }
}

template <typename V, int kQueries, typename Element>
void score_run(const float* q, int head_dim, const KvRun<Element>& run, float* scores, std::ptrdiff_t n_scores) {
  int p = 0;
  for (; p + 2 <= run.n; p += 2)
    score<V, kQueries, 2>(q, head_dim, run.keys + p * run.stride, run.stride, scores + p, n_scores);
  if (p < run.n) score<V, kQueries, 1>(q, head_dim, run.keys + p * run.stride, run.stride, scores + p, n_scores);
}

// out[h] += sum over the run of weights[h * n_weights + p] * values[p]
template <typename V, int kQueries, typename Element>
void add_values(const float* weights, std::ptrdiff_t n_weights, const KvRun<Element>& run, int head_dim, float* out) {
  int d = 0;
  for (; d + V::kLanes <= head_dim; d += V::kLanes) {
    typename V::Vector sum[kQueries];
    for (int h = 0; h < kQueries; ++h) sum[h] = V::load(out + h * head_dim + d);
    for (int p = 0; p < run.n; ++p) {
      const auto value = V::load(run.values + p * run.stride + d);
      for (int h = 0; h < kQueries; ++h) sum[h] = V::multiply_add(V::set(weights[h * n_weights + p]), value, sum[h]);
    }
    for (int h = 0; h < kQueries; ++h) V::store(out + h * head_dim + d, sum[h]);
  }
  if (d == head_dim) return;
  for (int h = 0; h < kQueries; ++h) {
    auto sum = load_some<V>(out + h * head_dim + d, head_dim - d);
    for (int p = 0; p < run.n; ++p) {
      const auto value = load_some<V>(run.values + p * run.stride + d, head_dim - d);
      sum = V::multiply_add(V::set(weights[h * n_weights + p]), value, sum);
    }
    float some[V::kLanes];
    V::store(some, sum);
    for (int i = d; i < head_dim; ++i) out[h * head_dim + i] = some[i - d];
  }
}

// scores become weights that add up to 1; `total` is what they added up to when the largest was 1.
template <typename V>
void softmax(float* scores, int n, float& max, float& total) {
  const int whole = n / V::kLanes * V::kLanes;
  auto largest = V::set(scores[0]);
  for (int i = 0; i < whole; i += V::kLanes) largest = V::max(largest, V::load(scores + i));
  max = V::largest(largest);
  for (int i = whole; i < n; ++i) max = scores[i] > max ? scores[i] : max;

  auto sum = V::set(0);
  for (int i = 0; i < whole; i += V::kLanes) {
    const auto weight = vector_exp<V>(V::add(V::load(scores + i), V::set(-max)));
    V::store(scores + i, weight);
    sum = V::add(sum, weight);
  }
  total = V::sum(sum);
  float rest[V::kLanes] = {};
  for (int i = whole; i < n; ++i) rest[i - whole] = scores[i] - max;
  V::store(rest, vector_exp<V>(V::load(rest)));
  for (int i = whole; i < n; ++i) total += scores[i] = rest[i - whole];

  const float factor = 1.0f / total;
  for (int i = 0; i < whole; i += V::kLanes) V::store(scores + i, V::multiply(V::load(scores + i), V::set(factor)));
  for (int i = whole; i < n; ++i) scores[i] *= factor;
}

template <typename V, int kQueries, typename Element>
void attend(const AttentionTask& task, int first_query) {
  const int head_dim = task.cache->head_dim;
  const std::ptrdiff_t n_positions = task.row.last - task.row.first + 1;
  const float* q = task.q + std::ptrdiff_t(first_query) * head_dim;
  float* out = task.out + std::ptrdiff_t(first_query) * head_dim;
  float* scores = task.scores + first_query * n_positions;
  for (int i = 0; i < n_positions;) {
    const auto run = kv_run<V, Element>(task, task.row.first + i);
    score_run<V, kQueries>(q, head_dim, run, scores + i, n_positions);
    i += run.n;
  }
  for (int h = 0; h < kQueries; ++h)
    softmax<V>(scores + h * n_positions, int(n_positions), task.largest[first_query + h], task.totals[first_query + h]);
  for (int i = 0; i < kQueries * head_dim; ++i) out[i] = 0;
  for (int i = 0; i < n_positions;) {
    const auto run = kv_run<V, Element>(task, task.row.first + i);
    add_values<V, kQueries>(scores + i, n_positions, run, head_dim, out);
    i += run.n;
  }
}

template <typename V, typename Element>
void attend_in_groups(const AttentionTask& task) {
  int h = 0;
  for (; h + 4 <= task.n_queries; h += 4) attend<V, 4, Element>(task, h);
  for (; h + 2 <= task.n_queries; h += 2) attend<V, 2, Element>(task, h);
  if (h < task.n_queries) attend<V, 1, Element>(task, h);
}

template <typename V>
void vector_attention(const AttentionTask& task) {
  switch (task.cache->type) {
    case KvType::kF32: return attend_in_groups<V, float>(task);
    case KvType::kBF16: return attend_in_groups<V, std::uint16_t>(task);
    case KvType::kFP8: return attend_in_groups<V, E4m3>(task);
  }
}

}  // namespace nibble::device::cpu
