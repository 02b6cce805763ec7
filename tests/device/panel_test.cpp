// What the panels hold, read back by the scalar kernels: a product with a unit vector is a column, without
// rounding.
#include "device/cpu/panel.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "matrix_problem.h"

namespace nibble::device::cpu {
namespace {

// w[row][col] times the row's factor, for every column of a loaded matrix.
std::vector<float> columns_of(const PanelMatrix& w) {
  const int stride = w.n_blocks * kBlockCols;
  std::vector<float> out(std::size_t(w.rows) * std::size_t(w.cols));
  std::vector<float> x(static_cast<std::size_t>(stride));
  for (int col = 0; col < w.cols; ++col) {
    x[std::size_t(col)] = 1.0f;
    const Array column = {out.data() + std::ptrdiff_t(col) * w.rows, 1, w.rows, w.rows};
    kScalar.matmul(w, {.n_tokens = 1, .n_blocks = w.n_blocks, .f32 = x.data()}, 0, w.n_panels, column);
    x[std::size_t(col)] = 0.0f;
  }
  return out;
}

TEST(Panel, HoldsEveryValueOfEveryStorage) {
  ThreadTeam team(2);
  for (const Storage storage : kStorages) {
    for (const int cols : {16, 48, 40, 5, 160}) {
      if (!has_cols(storage, cols)) continue;
      for (const int rows : {1, 16, 33}) {
        const MatrixProblem first(storage, rows, cols, Values::kRandom, 1),
            second(storage, 20, cols, Values::kRandom, 2);
        const MatrixSource stacked[] = {first.source, second.source};
        const auto w = load_panels(stacked, /*expand=*/false, team);
        ASSERT_EQ(w->rows, rows + 20);
        const std::vector<float> columns = columns_of(*w);
        for (int row = 0; row < w->rows; ++row) {
          const MatrixProblem& problem = row < rows ? first : second;
          const int r = row < rows ? row : row - rows;
          for (int col = 0; col < cols; ++col)
            ASSERT_EQ(columns[std::size_t(col * w->rows + row)],
                      float(problem.value(r, col)) * problem.factors[std::size_t(r)])
                << name_of(storage) << " row " << row << " col " << col << " of " << cols;
        }
      }
    }
  }
}

// The reference device's form: the value the reference decompresses to, rounded to bf16.
TEST(Panel, ExpandsToTheReferencesValues) {
  ThreadTeam team(1);
  for (const Storage storage : kStorages) {
    const MatrixProblem problem(storage, 20, 64, Values::kRandom, 3);
    const auto w = load_panels({&problem.source, 1}, /*expand=*/true, team);
    const std::vector<float> columns = columns_of(*w);
    for (int row = 0; row < 20; ++row) {
      for (int col = 0; col < 64; ++col) {
        float value = float(problem.value(row, col));
        if (storage == Storage::kFP8) value = format::round_to_bf16(value * problem.factors[std::size_t(row)]);
        if (storage == Storage::kInt4) value = format::round_to_bf16(value);
        if (storage == Storage::kNVFP4) {
          const std::size_t block = std::size_t(row) * 4 + std::size_t(col) / 16;
          const float scale = format::kE4m3[std::to_integer<std::size_t>(problem.scales[block])];
          const float code = scale == 0 ? 0 : value / scale;
          value = format::round_to_bf16(code * (scale / problem.source.global_scale));
        }
        ASSERT_EQ(columns[std::size_t(col * 20 + row)], value) << name_of(storage) << " row " << row << " col " << col;
      }
    }
  }
}

TEST(Panel, RefusesNan) {
  ThreadTeam team(1);
  MatrixProblem problem(Storage::kFP8, 4, 32, Values::kRandom, 4);
  problem.codes[2 * 32 + 7] = std::byte{0xff};
  try {
    load_panels({&problem.source, 1}, false, team);
    FAIL() << "a NaN weight was loaded";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "matrix: 1 e4m3 value of row 2 is NaN; the checkpoint is damaged");
  }
}

}  // namespace
}  // namespace nibble::device::cpu
