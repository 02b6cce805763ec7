// The screened head against the exact one: the same largest logits, bit for bit, for random and for adversarial hidden
// states. docs/numerics.md, "Screened head", proves the bound. NIBBLE_SCREEN_STATES sets how many states are tried.
#include "device/cpu/screened_head.h"

#include <cstdlib>

#include "device/cpu/cpu_device.h"
#include "format/bf16.h"
#include "instruction_sets.h"
#include "matrix_problem.h"

namespace nibble::device::cpu {
namespace {

class Screened : public InstructionSet {
 protected:
  void SetUp() override {
    InstructionSet::SetUp();
    ::setenv("CPU_KERNELS", kernels().name, 1);
  }
  void TearDown() override { ::unsetenv("CPU_KERNELS"); }
};
class VectorScreen : public InstructionSet {};
INSTANTIATE_TEST_SUITE_P(, Screened, every_set(), name_of_set);
INSTANTIATE_TEST_SUITE_P(, VectorScreen, every_vector_set(), name_of_set);

using Rows = std::vector<std::vector<float>>;

// A head of any rows, and what reads it.
struct Head {
  int cols;
  std::vector<std::uint16_t> codes;
  MatrixSource source;

  explicit Head(const Rows& rows) : cols(int(rows[0].size())) {
    for (const auto& row : rows)
      for (const float x : row) codes.push_back(format::f32_to_bf16(x));
    source = {.name = "head", .storage = Storage::kBF16, .rows = int(rows.size()), .cols = cols, .is_head = true};
    source.codes = [this](std::uint64_t offset, std::span<std::byte> out) {
      std::memcpy(out.data(), reinterpret_cast<const std::byte*>(codes.data()) + offset, out.size());
    };
  }
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;
};

// Rows of every kind: random of many sizes, equal ones, ones that differ in the last bit of one weight, one with an outlier
// that takes the others' precision, empty ones.
Rows rows_of_every_kind(int n, int cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Rows rows;
  for (int r = 0; r < n; ++r) {
    std::vector<float> row(static_cast<std::size_t>(cols));
    const float size = std::exp(0.2f * normal(random));
    for (float& x : row) x = format::round_to_bf16(size * normal(random));
    if (r % 7 == 3) row = rows[std::size_t(r) - 1];
    if (r % 7 == 4) {
      row = rows[std::size_t(r) - 1];
      float& x = row[random() % row.size()];
      x = format::bf16_to_f32(std::uint16_t(format::f32_to_bf16(x) + 1));
    }
    if (r % 31 == 5) row[random() % row.size()] = 20;
    if (r % 101 == 17) std::fill(row.begin(), row.end(), 0.0f);
    rows.push_back(row);
  }
  return rows;
}

// Random; near a row of the head; what int8 leaves of a row, which is where its bound is sharpest; sparse; tiny.
std::vector<float> hidden_state(const Rows& rows, std::mt19937& random) {
  std::normal_distribution<float> normal;
  const auto& row = rows[random() % rows.size()];
  const unsigned kind = random() % 6;
  std::vector<float> h;
  float largest = 0;
  for (const float x : row) largest = std::max(largest, std::abs(x));
  for (const float x : row) {
    const float step = largest / 127, rest = largest == 0 ? 0 : x - std::round(x / step) * step;
    float value = normal(random);
    if (kind == 1) value = x + 0.1f * value;
    if (kind == 2) value = rest * 100 + 1e-3f * value;
    if (kind == 3) value = -x;
    if (kind == 4 && random() % 8 != 0) value = 0;
    if (kind == 5) value *= 1e-12f;
    h.push_back(value);
  }
  return h;
}

// The ids of the n largest, equal ones included; the lowest ids first among equals.
std::vector<std::pair<float, int>> largest_of(const float* logits, int n_vocab, int n) {
  std::vector<std::pair<float, int>> all;
  for (int i = 0; i < n_vocab; ++i) all.emplace_back(-logits[i], i);
  std::sort(all.begin(), all.end());
  const float last = all[std::size_t(n) - 1].first;
  const auto end = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first > last; });
  return {all.begin(), end};
}

int n_states(int usual) {
  const char* text = std::getenv("NIBBLE_SCREEN_STATES");
  return text == nullptr ? usual : std::atoi(text);
}

TEST_P(Screened, LargestLogitsAreTheExactHeads) {
  const int n_calls = n_states(&kernels() == &kScalar ? 1000 : 8000) / 4;
  std::mt19937 random(1);
  std::int64_t n_screened[2] = {}, n_of_kind[2] = {};
  for (int call = 0; call < n_calls;) {
    const bool four_bits = n_of_kind[0] > n_of_kind[1];
    const HeadKind kind = four_bits ? HeadKind::kScreened4 : HeadKind::kScreened;
    const int n_rows = four_bits ? 12000 : 3000, n_cols = four_bits ? 32 : 80;
    const Rows rows = rows_of_every_kind(n_rows, n_cols, random());
    const Head head(rows);
    const auto exact = make_cpu_device({.n_threads = 1});
    const auto screened = make_cpu_device({.n_threads = 1 + int(random() % 3), .head = kind});
    const auto exact_head = exact->load({&head.source, 1}), screened_head = screened->load({&head.source, 1});
    EXPECT_LT(screened_head->bytes_read, exact_head->bytes_read);
    for (const int end = call + n_calls / 5 + 1; call < end; ++call) {
      const int n_tokens = 1 + int(random() % 9);
      n_of_kind[four_bits] += n_tokens;
      std::vector<float> x;
      for (int t = 0; t < n_tokens; ++t)
        for (const float value : hidden_state(rows, random)) x.push_back(value);
      std::vector<int> largest;
      for (int t = 0; t < n_tokens; ++t) largest.push_back(random() % 4 == 0 ? 1 + int(random() % 20) : 1);
      const float cap = random() % 2 == 0 ? 30.0f : 0.0f;
      const auto run = [&](Device& device, const Matrix& w) {
        const auto in = device.allocate(n_tokens, n_cols), out = device.allocate(n_tokens, n_rows);
        device.write(x, in->array());
        device.logits(in->array(), w, cap, largest, out->array());
        std::vector<float> logits(std::size_t(n_tokens * n_rows));
        device.read(out->array(), logits);
        return logits;
      };
      const std::vector<float> expected = run(*exact, *exact_head), found = run(*screened, *screened_head);
      for (int t = 0; t < n_tokens; ++t) {
        const float* e = expected.data() + t * n_rows;
        const float* f = found.data() + t * n_rows;
        ASSERT_EQ(largest_of(f, n_rows, largest[std::size_t(t)]), largest_of(e, n_rows, largest[std::size_t(t)]))
            << "token " << t << " of " << n_tokens << ", call " << call << ", cap " << cap << ", kind " << int(kind);
        for (int row = 0; row < n_rows; ++row) ASSERT_TRUE(f[row] == e[row] || f[row] == kUnwanted) << row;
      }
    }
    n_screened[four_bits] += screened->screen_counts().tokens;
  }
  for (const int four_bits : {0, 1})
    std::printf("by %d bits: %lld of %lld states screened\n", four_bits ? 4 : 8, (long long)n_screened[four_bits],
                (long long)n_of_kind[four_bits]);
  // Or this test compares the exact head with itself. Of rows as short as these four bits rule out little.
  EXPECT_GT(n_screened[0], n_of_kind[0] / 2);
  EXPECT_GT(n_screened[1], n_of_kind[1] / 40);
}

// The bound itself, row by row, and how much of it is ever used.
TEST_P(Screened, ScoresAreWithinTheirBound) {
  constexpr int kRows = 320, kCols = 256;
  ThreadTeam team(2);
  std::mt19937 random(2);
  double most = 0;
  for (int round = 0; round < 4; ++round) {
    const Rows rows = rows_of_every_kind(kRows, kCols, random());
    const Head head(rows);
    const auto w = load_panels({&head.source, 1}, false, team);
    const Screen screen = make_screen(*w, team);
    for (int i = 0; i < 100; ++i) {
      Input x(1, *w, Values::kRandom, random());
      x.values = hidden_state(rows, random);
      x.fill(*w, 0, 1);
      ScreenInput input;
      ASSERT_TRUE(input.fill(x.operand, screen.n_quads));
      std::vector<float> scores(kRows), exact(kRows);
      kernels().screen(screen, input, 0, screen.n_panels, {scores.data(), 1, kRows, kRows});
      kernels().matmul(*w, x.operand, 0, w->n_panels, {exact.data(), 1, kRows, kRows});
      for (std::size_t r = 0; r < kRows; ++r) {
        const double bound = double(screen.errors[r]) * input.tokens[0].error_factor +
                             double(screen.norms[r]) * input.tokens[0].norm_factor;
        const double off = std::abs(double(scores[r]) - double(exact[r]));
        ASSERT_LE(off, bound) << "row " << r << ", state " << i;
        if (bound > 0) most = std::max(most, off / bound);
      }
    }
  }
  EXPECT_GT(most, 0.5) << "a bound that nothing comes near is no test";
}

// The 4-bit copy's bound, which holds with a probability: as often as asked for, and not because it is far too wide.
TEST_P(Screened, DitheredScoresAreWithinTheirBoundAsOftenAsPromised) {
  constexpr int kRows = 320, kCols = 256, kStates = 100, kRounds = 4;
  ThreadTeam team(2);
  for (const double failure : {kScreenFailure, 0.2 * kRows}) {  // a fifth of the rows, in the union bound's count
    std::mt19937 random(2);
    int n_outside = 0;
    double most = 0;
    for (int round = 0; round < kRounds; ++round) {
      const Rows rows = rows_of_every_kind(kRows, kCols, random());
      const Head head(rows);
      const auto w = load_panels({&head.source, 1}, false, team);
      const auto screen = make_int4_screen(*w, team, failure, random());
      for (int i = 0; i < kStates; ++i) {
        Input x(1, *w, Values::kRandom, random());
        x.values = hidden_state(rows, random);
        x.fill(*w, 0, 1);
        std::vector<float> scores(kRows), exact(kRows);
        ASSERT_TRUE(screen->score(team, kernels(), x.operand, {scores.data(), 1, kRows, kRows}));
        kernels().matmul(*w, x.operand, 0, w->n_panels, {exact.data(), 1, kRows, kRows});
        for (std::size_t r = 0; r < kRows; ++r) {
          const double bound =
              double(screen->errors[r]) * screen->factors[0].error + double(screen->norms[r]) * screen->factors[0].norm;
          const double off = std::abs(double(scores[r]) - double(exact[r]));
          n_outside += off > bound;
          if (bound > 0) most = std::max(most, off / bound);
        }
      }
    }
    const double share = double(n_outside) / (kRows * kStates * kRounds);
    if (failure == kScreenFailure) {
      EXPECT_EQ(n_outside, 0);
      EXPECT_GT(most, 0.35);  // the largest of 128,000 errors is beyond four standard deviations, the bound at eight
    } else {
      EXPECT_LT(share, 0.2);
      EXPECT_GT(share, 0.001);
    }
  }
}

TEST_P(VectorScreen, ScoresAreTheScalarOnes) {
  ThreadTeam team(2);
  for (const auto& [n_rows, cols] : {std::pair{1, 16}, {40, 40}, {33, 2560}}) {
    const Head head(rows_of_every_kind(n_rows, cols, 3));
    const auto w = load_panels({&head.source, 1}, false, team);
    const Screen screen = make_screen(*w, team);
    const int width = w->n_panels * kPanelRows;
    for (int n_tokens = 1; n_tokens <= kTileTokens; ++n_tokens) {
      const Input x(n_tokens, *w, Values::kRandom, 4);
      ScreenInput input;
      ASSERT_TRUE(input.fill(x.operand, screen.n_quads));
      const auto run = [&](const Kernels& k) {
        std::vector<float> scores(std::size_t(n_tokens * width), kUntouched);
        k.screen(screen, input, 0, w->n_panels, {scores.data(), n_tokens, width, width});
        return scores;
      };
      EXPECT_EQ(run(kernels()), run(kScalar)) << n_rows << " x " << cols << ", " << n_tokens << " tokens";
    }
  }
}

// What is no number must come out as it does from the exact head, so that the sampler can say so.
TEST_P(Screened, NoNumbersAreNotHidden) {
  Rows rows = rows_of_every_kind(600, 48, 6);
  rows[333][7] = std::nanf("");
  const Head damaged(rows);
  rows[333][7] = 1;
  const Head sound(rows);
  const auto logits_of = [&](Device& device, const Head& head, float first) {
    const auto w = device.load({&head.source, 1});
    const auto x = device.allocate(1, 48), out = device.allocate(1, 600);
    std::vector<float> h(48, 0.5f), logits(600);
    h[0] = first;
    device.write(h, x->array());
    const int one = 1;
    device.logits(x->array(), *w, 30, {&one, 1}, out->array());
    device.read(out->array(), logits);
    return logits;
  };
  for (const HeadKind kind : {HeadKind::kScreened, HeadKind::kScreened4}) {
    const auto device = make_cpu_device({.n_threads = 1, .head = kind});
    EXPECT_TRUE(std::isnan(logits_of(*device, damaged, 1)[333]));
    EXPECT_TRUE(std::isnan(logits_of(*device, sound, std::nanf(""))[0]));
    EXPECT_FALSE(std::isnan(logits_of(*device, sound, 1)[333]));
  }
}

}  // namespace
}  // namespace nibble::device::cpu
