// A 4-bit copy of a BF16 matrix. What rounding takes from a weight would depend on the weight, and a hidden state could
// line up with it; so a dither u, one random number a column, is added before rounding and taken off again afterwards: then
// w - step (code - u) is uniform within half a step, independent from column to column and of the hidden state, and a
// sum of such errors is small but for a probability that can be named. Taking u off costs one number a block and token.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/check.h"
#include "device/cpu/head_screen.h"
#include "format/bf16.h"

namespace nibble::device::cpu {
namespace {

constexpr double kUp = 1.00001;  // more than the rounding of what it is applied to
constexpr double kUnit = 0x1p-24;
constexpr int kLargestCode = 7;                       // with half a step of dither, codes reach from -8 to 7
constexpr int kDigits[8] = {0, 4, 2, 6, 1, 5, 3, 7};  // columns of a word, lowest bits first: panel.h
constexpr std::size_t kPanelScales = kPanelRows * sizeof(std::uint16_t);

class Int4Screen final : public HeadScreen {
 public:
  Int4Screen(const PanelMatrix& w, ThreadTeam& team, double failure_probability, std::uint64_t seed)
      : sigmas_(std::sqrt(std::log(2.0 * w.rows / failure_probability) / 6)) {
    check(w.storage == Storage::kBF16, "what is screened is a BF16 matrix");
    std::mt19937_64 random(seed);
    for (int i = 0; i < w.n_blocks * kBlockCols; ++i) dither_.push_back(double(random() >> 40) * 0x1p-24 - 0.5);
    make_copy(w);
    n_panels = copy_.n_panels;
    errors.resize(std::size_t(n_panels) * kPanelRows);
    norms.resize(errors.size());
    bytes = copy_.bytes + 2 * errors.size() * sizeof(float);
    team.parallel_for(std::size_t(n_panels), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t panel = begin; panel < end; ++panel) fill_panel(w, int(panel));
    });
  }

  bool score(ThreadTeam& team, const Kernels& kernels, const Operand& x, Array scores) override {
    const Array h = {const_cast<float*>(x.f32), x.n_tokens, copy_.cols, x.stride()};
    Operand rounded = operand_.fill(h, copy_, Activations::kInt8, [&](const auto& task) {
      for (int t = 0; t < h.rows; ++t) task(t);
    });
    if (!take_off_dither(h, rounded)) return false;
    team.parallel_for(std::size_t(n_panels), 1, [&](std::size_t begin, std::size_t end) {
      kernels.matmul(copy_, rounded, int(begin), int(end), scores);
    });
    return true;
  }

 private:
  void make_copy(const PanelMatrix& w);
  void fill_panel(const PanelMatrix& w, int panel);
  bool take_off_dither(Array h, Operand& rounded);

  double sigmas_;
  std::vector<double> dither_;  // [padded columns], within half of one
  PanelMatrix copy_;
  OperandBuffer operand_;
  std::vector<std::int32_t> offsets_;
};

// The least bf16 that is not below x > 0.
float bf16_above(float x) {
  const std::uint32_t bits = (std::bit_cast<std::uint32_t>(x) + 0xffff) & 0xffff0000;
  return std::bit_cast<float>(bits);
}

// The columns of block `b` of the 16 rows of a kBF16 panel: panel.h.
void load_block(const std::byte* codes, int b, double (&columns)[kBlockCols][kPanelRows]) {
  std::uint32_t words[kBlockCols / 2][kPanelRows];
  std::memcpy(words, codes + std::size_t(b) * sizeof(words), sizeof(words));
  for (int w = 0; w < kBlockCols / 2; ++w) {
    for (int r = 0; r < kPanelRows; ++r) {
      columns[2 * w][r] = double(std::bit_cast<float>(words[w][r] << 16));
      columns[2 * w + 1][r] = double(std::bit_cast<float>(words[w][r] & 0xffff0000));
    }
  }
}

void Int4Screen::make_copy(const PanelMatrix& w) {
  copy_.storage = Storage::kInt4;
  copy_.integer_products = true;
  copy_.n_panels = w.n_panels;
  copy_.n_blocks = w.n_blocks;
  copy_.rows = w.n_panels * kPanelRows;  // padding is scored, too
  copy_.cols = w.n_blocks * kBlockCols;
  copy_.block_code_bytes = 2 * kPanelRows * sizeof(std::uint32_t);
  copy_.block_scale_bytes = kPanelScales;
  copy_.panel_bytes = std::size_t(w.n_blocks) * (copy_.block_code_bytes + copy_.block_scale_bytes);
  copy_.memory = Memory(std::size_t(w.n_panels) * copy_.panel_bytes);
  copy_.row_factor_memory = Memory(std::size_t(copy_.rows) * sizeof(float));
  std::fill_n(copy_.row_factor_memory.as<float>(), copy_.rows, 1.0f);
  copy_.row_factor = copy_.row_factor_memory.as<float>();
  copy_.bytes = copy_.memory.bytes() + copy_.row_factor_memory.bytes();
}

void Int4Screen::fill_panel(const PanelMatrix& w, int panel) {
  constexpr double kToInteger = 0x1.8p52;  // added and taken away, it rounds to the nearest even integer
  std::byte* codes = copy_.memory.data() + std::size_t(panel) * copy_.panel_bytes;
  std::byte* scales = codes + std::size_t(w.n_blocks) * copy_.block_code_bytes;
  double fourth_powers[kPanelRows] = {}, exact[kPanelRows] = {}, copied[kPanelRows] = {};
  for (int b = 0; b < w.n_blocks; ++b, codes += copy_.block_code_bytes, scales += copy_.block_scale_bytes) {
    double columns[kBlockCols][kPanelRows], largest[kPanelRows] = {}, steps[kPanelRows], inverses[kPanelRows];
    load_block(w.codes(panel), b, columns);
    for (const auto& column : columns) {
      for (int r = 0; r < kPanelRows; ++r) {
        largest[r] = std::max(largest[r], std::abs(column[r]));
        exact[r] += column[r] * column[r];
      }
    }
    std::uint16_t bf16[kPanelRows];
    for (int r = 0; r < kPanelRows; ++r) {
      const float step = bf16_above(std::max(float(largest[r] * kUp) / kLargestCode, 0x1p-100f));
      bf16[r] = format::f32_to_bf16(step);
      steps[r] = double(step);
      inverses[r] = 1 / steps[r];
      fourth_powers[r] += steps[r] * steps[r] * steps[r] * steps[r];
    }
    std::uint32_t words[2][kPanelRows] = {};
    for (int digit = 0; digit < kBlockCols; ++digit) {
      const int column = digit / 8 * 8 + kDigits[digit % 8];
      const double dither = dither_[std::size_t(b * kBlockCols + column)];
      for (int r = 0; r < kPanelRows; ++r) {
        // In this order NaN becomes a code, too; the norms keep it.
        const double code =
            std::min(7.0, std::max(-8.0, columns[column][r] * inverses[r] + dither + kToInteger - kToInteger));
        copied[r] += code * steps[r] * code * steps[r];
        words[digit / 8][r] |= (std::uint32_t(std::int32_t(code)) & 15) << (4 * (digit % 8));
      }
    }
    std::memcpy(codes, words, sizeof(words));
    std::memcpy(scales, bf16, sizeof(bf16));
  }
  for (int r = 0; r < kPanelRows; ++r) {
    const std::size_t row = std::size_t(panel * kPanelRows + r);
    const double error = std::sqrt(std::sqrt(fourth_powers[r])) * kUp,
                 norm = std::sqrt(std::max(exact[r], copied[r])) * kUp;
    const bool finite = std::isfinite(error) && std::isfinite(exact[r]) && norm < 0x1p100;
    errors[row] = finite ? float(error) : std::numeric_limits<float>::infinity();
    norms[row] = finite ? float(norm) : 0.0f;
  }
}

// Subtracts from each block's sum what its dither contributes, to the nearest integer, and computes the tokens' factors.
bool Int4Screen::take_off_dither(Array h, Operand& rounded) {
  const std::size_t n = std::size_t(h.rows), n_blocks = std::size_t(copy_.n_blocks);
  offsets_.assign(rounded.offsets, rounded.offsets + n * n_blocks);
  factors.clear();
  for (int t = 0; t < h.rows; ++t) {
    const float* exact = h.row(t);
    const float* codes = rounded.f32 + t * rounded.stride();
    double square = 0, squares_of_blocks = 0, rest = 0, scales = 0;
    for (std::size_t b = 0; b < n_blocks; ++b) {
      const double scale = double(rounded.scales[b * n + std::size_t(t)]);
      double of_block = 0, dither = 0;
      for (std::size_t i = b * kBlockCols; i < (b + 1) * kBlockCols; ++i) {
        const double value = double(exact[i]), off = value - double(codes[i]) * scale;
        of_block += value * value;
        rest += off * off;
        dither += dither_[i] * value;
      }
      square += of_block;
      squares_of_blocks += of_block * of_block;
      scales += scale * scale;
      if (!(of_block < 0x1p100)) return false;
      if (scale > 0) offsets_[b * n + std::size_t(t)] -= std::int32_t(std::lrint(dither / scale));
    }
    const double n_cols = double(copy_.cols);
    factors.push_back({.error = kUp * (sigmas_ * std::sqrt(std::sqrt(squares_of_blocks)) +
                                       0.5 * std::sqrt(std::sqrt(double(n_blocks)) * scales)) +
                                0x1p-90,
                       .norm = kUp * (std::sqrt(rest) + 2 * (n_cols + 8) * kUnit * std::sqrt(square)) + 0x1p-90});
  }
  rounded.offsets = offsets_.data();
  return true;
}

}  // namespace

std::unique_ptr<HeadScreen> make_int4_screen(const PanelMatrix& w, ThreadTeam& team, double failure_probability,
                                             std::uint64_t seed) {
  return std::make_unique<Int4Screen>(w, team, failure_probability, seed);
}

}  // namespace nibble::device::cpu
