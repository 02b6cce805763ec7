// Rows long enough to be cut into pieces: the same as in one piece, whatever else runs and on however many threads.
#include "device/cpu/split_attention.h"

#include "attention_problem.h"

namespace nibble::device::cpu {
namespace {

class SplitAttentionOf : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, SplitAttentionOf, every_set(), name_of_set);

constexpr int kKvHeads = 3, kQueries = 4, kHeadDim = 64;

// A problem's queries are those of its KV head; the others get none of their own, so every head asks the same.
std::vector<float> run(const Kernels& kernels, int n_threads, const std::vector<const AttentionProblem*>& problems) {
  constexpr int kCols = kKvHeads * kQueries * kHeadDim;
  std::vector<float> q, out(problems.size() * kCols, kUntouched);
  std::vector<AttentionRow> rows;
  for (const AttentionProblem* problem : problems) {
    for (int head = 0; head < kKvHeads; ++head) q.insert(q.end(), problem->q.begin(), problem->q.end());
    rows.push_back(problem->task.row);
  }
  ThreadTeam team(n_threads);
  SplitAttention attention;
  const int n = int(problems.size());
  attention.run(team, kernels, {q.data(), n, kCols, kCols}, problems[0]->cache, rows, {out.data(), n, kCols, kCols});
  return out;
}

std::vector<float> of_the_problem(const AttentionProblem& problem, const std::vector<float>& out) {
  const auto begin = out.begin() + problem.task.kv_head * kQueries * kHeadDim;
  return {begin, begin + kQueries * kHeadDim};
}

TEST_P(SplitAttentionOf, LongRowsIsThatOfOnePiece) {
  for (const KvType type : {KvType::kF32, KvType::kBF16, KvType::kFP8}) {
    for (const int n_positions : {1, 255, 256, 257, 512, 1000, 5000}) {
      const AttentionProblem problem(type, kQueries, kHeadDim, n_positions % 7, n_positions);
      const std::vector<float> split = of_the_problem(problem, run(kernels(), 2, {&problem}));
      EXPECT_EQ(worst(split, problem.run(kScalar), [&](std::size_t i) { return double(problem.bounds[i]); }), "")
          << name_of(type) << ", " << n_positions << " positions";
    }
  }
}

TEST_P(SplitAttentionOf, ARowIsTheSameInAnyCompanyAndOnAnyThreads) {
  const AttentionProblem problem(KvType::kBF16, kQueries, kHeadDim, 3, 3000);
  const std::vector<float> alone = run(kernels(), 1, {&problem});
  for (const int n_threads : {1, 2, 3, 16}) {
    for (const int n_rows : {1, 5, 70}) {
      const std::vector<float> out = run(kernels(), n_threads, std::vector(std::size_t(n_rows), &problem));
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_EQ(out[i], alone[i % alone.size()]) << n_threads << " threads, " << n_rows << " rows, element " << i;
    }
  }
}

TEST_P(SplitAttentionOf, ShortRowsBesideLongOnes) {
  AttentionProblem problem(KvType::kFP8, kQueries, kHeadDim, 0, 3000);
  const std::vector<float> whole = run(kernels(), 1, {&problem});
  const AttentionRow row = problem.task.row;
  problem.task.row.last = 20;
  const std::vector<float> brief = run(kernels(), 1, {&problem});
  const AttentionProblem other(KvType::kFP8, kQueries, kHeadDim, 0, 3000);  // the same by its seed
  ASSERT_EQ(other.task.row.last, row.last);
  std::vector<float> expected = brief;
  expected.insert(expected.end(), whole.begin(), whole.end());
  expected.insert(expected.end(), brief.begin(), brief.end());
  EXPECT_EQ(run(kernels(), 3, {&problem, &other, &problem}), expected);
}

}  // namespace
}  // namespace nibble::device::cpu
