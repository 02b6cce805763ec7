// Every instruction set that runs here against the scalar kernels. docs/numerics.md, "Kernels", derives the
// bounds.
#include "device/cpu/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "matrix_problem.h"

namespace nibble::device::cpu {
namespace {

constexpr double kUnit = 0x1p-24;  // half an ulp of 1: what one rounding can do, relatively
constexpr float kUntouched = 12345.0f;

std::vector<const Kernels*> instruction_sets() {
  std::vector<const Kernels*> sets;
  for (const Kernels* kernels : all_kernels())
    if (kernels != &kScalar && kernels->runs_here()) sets.push_back(kernels);
  return sets;
}

std::vector<float> product(const Kernels& kernels, const PanelMatrix& w, const Operand& x, int panel_begin,
                           int panel_end) {
  std::vector<float> out(std::size_t(x.n_tokens) * std::size_t(w.rows), kUntouched);
  kernels.matmul(w, x, panel_begin, panel_end, {out.data(), x.n_tokens, w.rows, w.rows});
  return out;
}

// Of the entries beyond their bound the one furthest off; nothing if all are within.
template <typename Bound>
std::string worst(const std::vector<float>& found, const std::vector<float>& expected, const Bound& bound) {
  double largest = 0;
  std::string text;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == expected[i]) continue;
    const double ratio = std::abs(double(found[i]) - double(expected[i])) / bound(i);
    if (ratio <= 1 || (ratio <= largest && !std::isnan(ratio))) continue;
    largest = ratio;
    text = fmt::format("index {}: {} found, {} expected, {:.3g} times the bound", i, found[i], expected[i],
                       ratio);
  }
  return text;
}

struct Shape {
  int rows, cols;
};
constexpr Shape kShapes[] = {{1, 16}, {16, 48}, {33, 96}, {40, 40}, {17, 5}, {50, 2560}, {20, 10240}};

// Nothing rounds, so that nothing but a wrong code, scale, column or row can make a difference.
TEST(Kernels, ExactProductsAgreeBitForBit) {
  ThreadTeam team(1);
  for (const Kernels* kernels : instruction_sets()) {
    for (const Storage storage : kStorages) {
      for (const Shape shape : kShapes) {
        if (!has_cols(storage, shape.cols)) continue;
        const MatrixProblem problem(storage, shape.rows, shape.cols, Values::kExact,
                                    unsigned(shape.cols + 1));
        const auto w = load_panels({&problem.source, 1}, false, team);
        for (const int n_tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 70}) {
          const Input x(n_tokens, shape.cols, Values::kExact, unsigned(n_tokens));
          const std::string difference =
              worst(product(*kernels, *w, x.operand, 0, w->n_panels),
                    product(kScalar, *w, x.operand, 0, w->n_panels), [](std::size_t) { return 1e-30; });
          EXPECT_EQ(difference, "") << kernels->name << ", " << name_of(storage) << " [" << shape.rows << ", "
                                    << shape.cols << "], " << n_tokens << " tokens";
        }
      }
    }
  }
}

TEST(Kernels, RandomProductsAgreeWithinTheirRoundings) {
  ThreadTeam team(1);
  for (const Kernels* kernels : instruction_sets()) {
    for (const Storage storage : kStorages) {
      for (const Shape shape : kShapes) {
        if (!has_cols(storage, shape.cols)) continue;
        const MatrixProblem problem(storage, shape.rows, shape.cols, Values::kRandom, 7);
        const auto w = load_panels({&problem.source, 1}, false, team);
        for (const int n_tokens : {1, 3, 33}) {
          const Input x(n_tokens, shape.cols, Values::kRandom, 8);
          const auto bound = [&](std::size_t i) {
            const int t = int(i) / shape.rows, r = int(i) % shape.rows;
            double magnitude = 0;
            for (int c = 0; c < shape.cols; ++c)
              magnitude +=
                  std::abs(problem.value(r, c) * double(x.f32[std::size_t(t * x.operand.stride + c)]));
            return 2 * (shape.cols + 6) * kUnit * magnitude * double(problem.factors[std::size_t(r)]);
          };
          const std::string difference = worst(product(*kernels, *w, x.operand, 0, w->n_panels),
                                               product(kScalar, *w, x.operand, 0, w->n_panels), bound);
          EXPECT_EQ(difference, "") << kernels->name << ", " << name_of(storage) << " [" << shape.rows << ", "
                                    << shape.cols << "], " << n_tokens << " tokens";
        }
      }
    }
  }
}

// What a server adds to a batch must not change what another request gets.
TEST(Kernels, ATokensResultDoesNotDependOnItsNeighbours) {
  ThreadTeam team(1);
  for (const Kernels* kernels : instruction_sets()) {
    for (const Storage storage : kStorages) {
      const MatrixProblem problem(storage, 50, 400, Values::kRandom, 11);
      const auto w = load_panels({&problem.source, 1}, false, team);
      const Input all(70, 400, Values::kRandom, 12);
      const std::ptrdiff_t stride = all.operand.stride;
      const std::vector<float> expected = product(*kernels, *w, all.operand, 0, w->n_panels);
      for (const int n_tokens : {1, 2, 3, 4, 5, 7, 13}) {
        for (int t = 0; t + n_tokens <= 70; t += n_tokens) {
          const Operand some = {all.operand.f32 + t * stride, all.operand.bf16 + t * stride, n_tokens,
                                stride};
          const std::vector<float> found = product(*kernels, *w, some, 0, w->n_panels);
          for (std::size_t i = 0; i < found.size(); ++i)
            ASSERT_EQ(found[i], expected[std::size_t(t) * 50 + i])
                << kernels->name << ", " << name_of(storage) << ", " << n_tokens << " tokens from " << t;
        }
      }
    }
  }
}

TEST(Kernels, WriteTheirPanelsOnly) {
  ThreadTeam team(1);
  std::vector<const Kernels*> sets = instruction_sets();
  sets.push_back(&kScalar);
  for (const Kernels* kernels : sets) {
    for (const Storage storage : kStorages) {
      const MatrixProblem problem(storage, 60, 96, Values::kExact, 5);
      const auto w = load_panels({&problem.source, 1}, false, team);
      for (const int n_tokens : {1, 9}) {
        const Input x(n_tokens, 96, Values::kExact, 6);
        const std::vector<float> whole = product(kScalar, *w, x.operand, 0, 4);
        for (const auto& [begin, end] : {std::pair{0, 1}, {1, 3}, {3, 4}, {2, 2}}) {
          const std::vector<float> part = product(*kernels, *w, x.operand, begin, end);
          for (std::size_t i = 0; i < part.size(); ++i) {
            const int panel = int(i) % 60 / kPanelRows;
            ASSERT_EQ(part[i], panel >= begin && panel < end ? whole[i] : kUntouched)
                << kernels->name << ", " << name_of(storage) << ", panels " << begin << " to " << end
                << ", index " << i;
          }
        }
      }
    }
  }
}

// Keys and queries whose products do not round, so that the bound is that of the softmax and the weighted
// sum.
struct AttentionProblem {
  CpuKv cache;
  std::vector<int> blocks;
  std::vector<float> q, bounds;
  AttentionTask task;

  AttentionProblem(KvType type, int n_queries, int head_dim, int first, int n_positions) {
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
    for (int i = 0; i < n_queries * head_dim; ++i) q.push_back((float(random() % 9) - 4) / 16);
    blocks.resize(std::size_t(n_blocks));
    std::iota(blocks.begin(), blocks.end(), 0);
    std::shuffle(blocks.begin(), blocks.end(), random);
    task = {.q = q.data(), .n_queries = n_queries, .kv_head = 1, .cache = &cache};
    task.row = {.first = first, .last = first + n_positions - 1, .blocks = blocks.data(), .n_blocks = n_ring};
    find_bounds();
  }
  AttentionProblem(const AttentionProblem&) = delete;
  AttentionProblem& operator=(const AttentionProblem&) = delete;

  double element(const Memory& memory, int position, int d) const {
    const std::size_t i =
        std::size_t((task.row.slot(position) * cache.n_kv_heads + task.kv_head) * cache.head_dim + d);
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
          magnitude +=
              scores[std::size_t(i)] / total * std::abs(element(cache.values, task.row.first + i, d));
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

TEST(Kernels, AttentionAgreesWithinItsRoundings) {
  for (const Kernels* kernels : instruction_sets()) {
    for (const KvType type : {KvType::kF32, KvType::kBF16}) {
      for (const int head_dim : {16, 24, 64, 72, 256, 512}) {
        for (const int n_positions : {1, 2, 31, 33, 64, 100, 512, 600}) {
          const int n_queries = 1 + (head_dim / 8 + n_positions) % 8, first = n_positions * 7 % 1000;
          const AttentionProblem problem(type, n_queries, head_dim, first, n_positions);
          const std::string difference = worst(problem.run(*kernels), problem.run(kScalar),
                                               [&](std::size_t i) { return double(problem.bounds[i]); });
          EXPECT_EQ(difference, "") << kernels->name << ", head_dim " << head_dim << ", " << n_queries
                                    << " queries, " << n_positions << " positions from " << first;
        }
      }
    }
  }
}

TEST(Kernels, GeluIsWithinItsBound) {
  constexpr double kTwiceRootOfTwoOverPi = 1.5957691216057308;
  std::vector<float> gate = {0.0f,   -0.0f, 1e-30f, -1e-30f, 1e-40f, 3e38f,
                             -3e38f, 1e20f, -1e20f, 1e10f,   -1e10f};
  for (double x = -40; x < 40; x += 0x1.3p-14) gate.push_back(float(x));
  while (gate.size() % 16 != 5) gate.push_back(1.0f);  // a remainder for every vector length
  std::vector<float> up(gate.size());
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = float(int(i % 7) - 3) * 0.37f;
  std::vector<const Kernels*> sets = instruction_sets();
  sets.push_back(&kScalar);
  for (const Kernels* kernels : sets) {
    std::vector<float> out(gate.size());
    kernels->gelu_multiply(gate.data(), up.data(), out.data(), int(gate.size()));
    double largest = 0;
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double x = double(gate[i]), t = -kTwiceRootOfTwoOverPi * (x + 0.044715 * x * x * x),
                   e = std::exp(t);
      const double expected = x / (1 + e) * double(up[i]);
      const double share = std::isinf(e) ? 1 : e / (1 + e);
      const double relative = share == 0 || std::isinf(e) ? 3 : (4 * std::abs(t) + 4) * share + 3;
      const double bound = kernels == &kScalar ? 6 * kUnit * std::abs(x * double(up[i])) + 0x1p-140
                                               : 1.01 * relative * kUnit * std::abs(expected) +
                                                     0x1p-124 * std::abs(double(up[i])) + 0x1p-149;
      const double error = std::abs(double(out[i]) - expected);
      if (bound > 0) largest = std::max(largest, error / bound);
      ASSERT_LE(error, bound) << kernels->name << ": gelu(" << gate[i] << ") * " << up[i] << ": " << out[i]
                              << " found, " << expected << " expected";
    }
    RecordProperty(fmt::format("largest_share_of_bound_{}", kernels->name), fmt::format("{:.3f}", largest));
    const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
    const float special[] = {inf, -inf, nan}, ones[] = {1, 1, 1};
    float result[3];
    kernels->gelu_multiply(special, ones, result, 3);
    EXPECT_EQ(result[0], inf) << kernels->name;
    EXPECT_TRUE(std::isnan(result[1])) << kernels->name;  // as the reference's -inf * 0
    EXPECT_TRUE(std::isnan(result[2])) << kernels->name;
  }
}

TEST(Kernels, SumOfSquaresIsWithinItsRoundings) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  for (const Kernels* kernels : instruction_sets()) {
    for (const int n : {0, 1, 15, 16, 31, 64, 100, 256, 2560, 10240}) {
      std::vector<float> x;
      double expected = 0;
      for (int i = 0; i < n; ++i) {
        x.push_back(normal(random));
        expected += double(x.back()) * double(x.back());
      }
      EXPECT_NEAR(double(kernels->sum_of_squares(x.data(), n)), expected, (n + 6) * kUnit * expected)
          << kernels->name << ", n " << n;
    }
  }
}

class CpuKernels : public ::testing::Test {
 protected:
  void TearDown() override { ::unsetenv("CPU_KERNELS"); }
};

TEST_F(CpuKernels, PicksTheNamedOne) {
  for (const Kernels* kernels : all_kernels()) {
    if (!kernels->runs_here()) continue;
    ::setenv("CPU_KERNELS", kernels->name, 1);
    EXPECT_EQ(&select_kernels(), kernels);
    const std::string description = make_cpu_device({.n_threads = 1})->describe();
    EXPECT_NE(description.find(fmt::format("{} kernels", kernels->name)), std::string::npos) << description;
  }
}

TEST_F(CpuKernels, PicksTheFirstThatRunsHere) {
  ::unsetenv("CPU_KERNELS");
  const std::vector<const Kernels*> sets = instruction_sets();
  EXPECT_EQ(&select_kernels(), sets.empty() ? &kScalar : sets[0]);
  EXPECT_STREQ(all_kernels().back()->name, "scalar");
}

TEST_F(CpuKernels, RefusesWhatIsUnknownOrCannotRun) {
  const auto message = [](const char* name) -> std::string {
    ::setenv("CPU_KERNELS", name, 1);
    try {
      select_kernels();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("sse9"), "CPU_KERNELS=sse9: expected one of avx512, avx2, scalar");
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->runs_here()) continue;
    EXPECT_EQ(message(kernels->name),
              fmt::format("CPU_KERNELS={}: this CPU lacks its instructions", kernels->name));
  }
}

}  // namespace
}  // namespace nibble::device::cpu
