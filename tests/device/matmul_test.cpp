// Matrix products of every instruction set against the scalar ones. docs/numerics.md, "Kernels", derives the
// bounds.
#include <numeric>

#include "instruction_sets.h"
#include "matrix_problem.h"

namespace nibble::device::cpu {
namespace {

class Matmul : public InstructionSet {};
class VectorMatmul : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, Matmul, every_set(), name_of_set);
INSTANTIATE_TEST_SUITE_P(, VectorMatmul, every_vector_set(), name_of_set);

std::vector<float> multiply(const Kernels& kernels, const PanelMatrix& w, const Operand& x, int panel_begin,
                            int panel_end) {
  std::vector<float> out(std::size_t(x.n_tokens) * std::size_t(w.rows), kUntouched);
  kernels.matmul(w, x, panel_begin, panel_end, {out.data(), x.n_tokens, w.rows, w.rows});
  return out;
}

std::unique_ptr<PanelMatrix> load(const MatrixProblem& problem, Product product, ThreadTeam& team) {
  auto w = load_panels({&problem.source, 1}, false, team);
  w->integer_products = product.integers;
  return w;
}

struct Shape {
  int rows, cols;
};
constexpr Shape kShapes[] = {{1, 16}, {16, 48}, {33, 96}, {40, 40}, {17, 5}, {50, 2560}, {20, 10240}};

// Nothing rounds, so that nothing but a wrong code, scale, column or row can make a difference.
TEST_P(VectorMatmul, ExactProductsAgreeBitForBit) {
  ThreadTeam team(1);
  for (const Product product : kProducts) {
    for (const Shape shape : kShapes) {
      if (!has_cols(product.storage, shape.cols)) continue;
      const MatrixProblem problem(product.storage, shape.rows, shape.cols, Values::kExact, unsigned(shape.cols + 1));
      const auto w = load(problem, product, team);
      for (const int n_tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 70}) {
        const Input x(n_tokens, *w, Values::kExact, unsigned(n_tokens));
        const std::string difference =
            worst(multiply(kernels(), *w, x.operand, 0, w->n_panels), multiply(kScalar, *w, x.operand, 0, w->n_panels),
                  [](std::size_t) { return 1e-30; });
        EXPECT_EQ(difference, "") << name_of(product) << " [" << shape.rows << ", " << shape.cols << "], " << n_tokens
                                  << " tokens";
      }
    }
  }
}

// Every remainder of a panel, of a block of columns, of a tile and of a group of tokens, at both sides of
// each.
TEST_P(VectorMatmul, RaggedSizesAgreeBitForBit) {
  ThreadTeam team(1);
  const auto compare = [&](Product product, Shape shape, const std::vector<int>& counts) {
    if (!has_cols(product.storage, shape.cols)) return;
    const MatrixProblem problem(product.storage, shape.rows, shape.cols, Values::kExact, unsigned(shape.rows + 1));
    const auto w = load(problem, product, team);
    for (const int n_tokens : counts) {
      const Input x(n_tokens, *w, Values::kExact, unsigned(n_tokens));
      EXPECT_EQ(multiply(kernels(), *w, x.operand, 0, w->n_panels), multiply(kScalar, *w, x.operand, 0, w->n_panels))
          << name_of(product) << " [" << shape.rows << ", " << shape.cols << "], " << n_tokens << " tokens";
    }
  };
  std::vector<int> every_count(40);
  std::iota(every_count.begin(), every_count.end(), 1);
  for (const int n_tokens : {63, 64, 65, 66, 72, 73, 129}) every_count.push_back(n_tokens);
  for (const Product product : kProducts) {
    for (int rows = 1; rows <= 49; ++rows) compare(product, {rows, 32}, {1, 2, 3, 7, 9});
    for (int cols = 1; cols <= 33; ++cols) compare(product, {17, cols}, {1, 2, 3, 7, 9});
    for (int cols = 112; cols <= 288; cols += 16) compare(product, {17, cols}, {1, 2, 3, 7, 9});
    compare(product, {33, 48}, every_count);
    compare(product, {17, 272}, every_count);
  }
}

TEST_P(VectorMatmul, RandomProductsAgreeWithinTheirRoundings) {
  ThreadTeam team(1);
  for (const Product product : kProducts) {
    for (const Shape shape : kShapes) {
      if (!has_cols(product.storage, shape.cols)) continue;
      const MatrixProblem problem(product.storage, shape.rows, shape.cols, Values::kRandom, 7);
      const auto w = load(problem, product, team);
      for (const int n_tokens : {1, 3, 33}) {
        const Input x(n_tokens, *w, Values::kRandom, 8);
        const auto bound = [&](std::size_t i) {
          const int t = int(i) / shape.rows, r = int(i) % shape.rows;
          double magnitude = 0;
          for (int c = 0; c < shape.cols; ++c) magnitude += std::abs(problem.value(r, c) * x.value(t, c));
          return 2 * (shape.cols + 6) * kUnit * magnitude * double(problem.factors[std::size_t(r)]);
        };
        const std::string difference = worst(multiply(kernels(), *w, x.operand, 0, w->n_panels),
                                             multiply(kScalar, *w, x.operand, 0, w->n_panels), bound);
        EXPECT_EQ(difference, "") << name_of(product) << " [" << shape.rows << ", " << shape.cols << "], " << n_tokens
                                  << " tokens";
      }
    }
  }
}

// What a server adds to a batch must not change what another request gets.
TEST_P(VectorMatmul, ATokensResultDoesNotDependOnItsNeighbours) {
  ThreadTeam team(1);
  for (const Product product : kProducts) {
    const MatrixProblem problem(product.storage, 50, 400, Values::kRandom, 11);
    const auto w = load(problem, product, team);
    Input all(70, *w, Values::kRandom, 12);
    const std::vector<float> expected = multiply(kernels(), *w, all.operand, 0, w->n_panels);
    for (const int n_tokens : {1, 2, 3, 4, 5, 7, 13}) {
      for (int t = 0; t + n_tokens <= 70; t += n_tokens) {
        all.fill(*w, t, n_tokens);
        const std::vector<float> found = multiply(kernels(), *w, all.operand, 0, w->n_panels);
        for (std::size_t i = 0; i < found.size(); ++i)
          ASSERT_EQ(found[i], expected[std::size_t(t) * 50 + i])
              << name_of(product) << ", " << n_tokens << " tokens from " << t;
      }
    }
  }
}

TEST_P(Matmul, WritesItsPanelsOnly) {
  ThreadTeam team(1);
  for (const Product product : kProducts) {
    const MatrixProblem problem(product.storage, 60, 96, Values::kExact, 5);
    const auto w = load(problem, product, team);
    for (const int n_tokens : {1, 9}) {
      const Input x(n_tokens, *w, Values::kExact, 6);
      const std::vector<float> whole = multiply(kScalar, *w, x.operand, 0, 4);
      for (const auto& [begin, end] : {std::pair{0, 1}, {1, 3}, {3, 4}, {2, 2}}) {
        const std::vector<float> part = multiply(kernels(), *w, x.operand, begin, end);
        for (std::size_t i = 0; i < part.size(); ++i) {
          const int panel = int(i) % 60 / kPanelRows;
          ASSERT_EQ(part[i], panel >= begin && panel < end ? whole[i] : kUntouched)
              << name_of(product) << ", panels " << begin << " to " << end << ", index " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nibble::device::cpu
