// Attention of every instruction set against the scalar one. docs/numerics.md, "Kernels", derives the bounds.
#include "attention_problem.h"

namespace nibble::device::cpu {
namespace {

class Attention : public InstructionSet {};
class VectorAttention : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, Attention, every_set(), name_of_set);
INSTANTIATE_TEST_SUITE_P(, VectorAttention, every_vector_set(), name_of_set);

void expect_agreement(const Kernels& kernels, const AttentionProblem& problem) {
  const std::string difference =
      worst(problem.run(kernels), problem.run(kScalar), [&](std::size_t i) { return double(problem.bounds[i]); });
  const AttentionTask& task = problem.task;
  EXPECT_EQ(difference, "") << name_of(problem.cache.type) << " cache, head_dim " << problem.cache.head_dim << ", "
                            << task.n_queries << " queries, positions " << task.row.first << " to " << task.row.last;
}

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kBF16, KvType::kFP8};

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
