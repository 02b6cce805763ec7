// Attention of every instruction set against the scalar one. docs/numerics.md, "Kernels", derives the bounds.
#include <algorithm>
#include <numeric>
#include <random>

#include "format/bf16.h"
#include "instruction_sets.h"

namespace nibble::device::cpu {
namespace {

class Attention : public InstructionSet {};
class VectorAttention : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, Attention, every_set(), name_of_set);
INSTANTIATE_TEST_SUITE_P(, VectorAttention, every_vector_set(), name_of_set);

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
      if (type == KvType::kF32) {
        cache.keys.as<float>()[i] = key;
        cache.values.as<float>()[i] = value;
      } else {
        cache.keys.as<std::uint16_t>()[i] = format::f32_to_bf16(key);
        cache.values.as<std::uint16_t>()[i] = format::f32_to_bf16(value);
      }
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
            if (cache.type == KvType::kF32) {
              memory->as<float>()[i] = std::nanf("");
            } else {
              memory->as<std::uint16_t>()[i] = 0x7fc0;
            }
          }
        }
      }
    }
  }

  double element(const Memory& memory, int position, int d) const {
    const std::size_t i = std::size_t((task.row.slot(position) * cache.n_kv_heads + task.kv_head) * cache.head_dim + d);
    return double(cache.type == KvType::kF32 ? memory.as<float>()[i]
                                             : format::bf16_to_f32(memory.as<std::uint16_t>()[i]));
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
    kernels.attention(filled);
    return out;
  }
};

void expect_agreement(const Kernels& kernels, const AttentionProblem& problem) {
  const std::string difference =
      worst(problem.run(kernels), problem.run(kScalar), [&](std::size_t i) { return double(problem.bounds[i]); });
  const AttentionTask& task = problem.task;
  EXPECT_EQ(difference, "") << (problem.cache.type == KvType::kF32 ? "f32" : "bf16") << " cache, head_dim "
                            << problem.cache.head_dim << ", " << task.n_queries << " queries, positions "
                            << task.row.first << " to " << task.row.last;
}

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kBF16};

TEST_P(VectorAttention, AgreesWithinItsRoundings) {
  for (const KvType type : kKvTypes) {
    for (const int head_dim : {16, 24, 64, 72, 256, 512}) {
      for (const int n_positions : {1, 2, 31, 33, 64, 100, 512, 600}) {
        const int n_queries = 1 + (head_dim / 8 + n_positions) % 8, first = n_positions * 7 % 1000;
        expect_agreement(kernels(), {type, n_queries, head_dim, first, n_positions});
      }
    }
  }
}

// Grouped queries are taken four, two and one at a time.
TEST_P(VectorAttention, AnyNumberOfQueriesSharesAKvHead) {
  for (const KvType type : kKvTypes)
    for (int n_queries = 1; n_queries <= 33; ++n_queries) expect_agreement(kernels(), {type, n_queries, 24, 5, 40});
}

TEST_P(VectorAttention, HeadsNeedNotBeMultiplesOfAVector) {
  for (const KvType type : kKvTypes)
    for (int head_dim = 1; head_dim <= 33; ++head_dim) expect_agreement(kernels(), {type, 3, head_dim, 5, 40});
}

// Windows that begin anywhere in a block, end anywhere in it or a later one, and wrap around the ring.
TEST_P(VectorAttention, AnyWindowOfARing) {
  for (const KvType type : kKvTypes)
    for (const int n_positions : {1, 2, 7, 31, 32, 33, 34, 63, 64, 65})
      for (int first = 90; first < 90 + kKvBlock + 2; ++first)
        expect_agreement(kernels(), {type, 2, 8, first, n_positions});
}

// Scores so far below the largest that their weights underflow.
TEST_P(VectorAttention, ScoresFarApart) {
  for (const KvType type : kKvTypes)
    for (const float query_scale : {1.0f, 8.0f, 512.0f})
      for (const int n_positions : {2, 17, 100})
        expect_agreement(kernels(), {type, 3, 64, 11, n_positions, query_scale});
}

TEST_P(Attention, ReadsItsWindowAndItsHeadOnly) {
  for (const KvType type : kKvTypes) {
    for (const int n_positions : {1, 5, 32, 33, 70}) {
      for (const int first : {0, 3, 31, 77, 200}) {
        AttentionProblem problem(type, 5, 40, first, n_positions);
        const std::vector<float> expected = problem.run(kernels());
        problem.poison_the_rest();
        EXPECT_EQ(problem.run(kernels()), expected) << n_positions << " positions from " << first;
      }
    }
  }
}

}  // namespace
}  // namespace nibble::device::cpu
