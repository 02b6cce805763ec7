#include "device/cpu/screen.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace nibble::device::cpu {
namespace {

constexpr double kUp = 1.00001;          // more than any f32 rounding of what it is applied to
constexpr double kUnit = 0x1p-24;        // of one rounding
constexpr float kToInteger = 0x1.8p23f;  // added and taken away, it rounds to the nearest even integer

using Lanes = float[kPanelRows];

// Column pair `k` of the 16 rows: panel.h's kBF16.
void load_pair(const std::byte* codes, int k, Lanes& first, Lanes& second) {
  std::uint32_t words[kPanelRows];
  std::memcpy(words, codes + std::size_t(k) * sizeof(words), sizeof(words));
  for (int r = 0; r < kPanelRows; ++r) {
    const std::uint32_t low = words[r] << 16, high = words[r] & 0xffff0000;
    std::memcpy(&first[r], &low, 4);
    std::memcpy(&second[r], &high, 4);
  }
}

struct PanelNorms {
  double exact[kPanelRows] = {}, screened[kPanelRows] = {}, error[kPanelRows] = {};
};

void screen_panel(const PanelMatrix& w, int panel, std::byte* to, float* scales, PanelNorms& norms) {
  const std::byte* codes = w.codes(panel);
  const int n_pairs = w.n_blocks * kBlockCols / 2;
  Lanes largest = {}, pair[2];
  for (int k = 0; k < n_pairs; ++k) {
    load_pair(codes, k, pair[0], pair[1]);
    for (const Lanes& x : pair)
      for (int r = 0; r < kPanelRows; ++r) largest[r] = std::max(largest[r], std::abs(x[r]));
  }
  Lanes inverse;
  for (int r = 0; r < kPanelRows; ++r) {
    const bool empty = !(largest[r] >= 0x1p-100f && largest[r] <= std::numeric_limits<float>::max());
    scales[r] = empty ? 0.0f : largest[r] / 127.0f;
    inverse[r] = empty ? 0.0f : 127.0f / largest[r];
  }
  // Sums of a run of columns in f32, then in f64: the runs are short enough for kUp.
  constexpr int kRun = 16;
  for (int begin = 0; begin < n_pairs; begin += kRun) {
    Lanes exact = {}, screened = {}, error = {};
    for (int k = begin; k < std::min(n_pairs, begin + kRun); k += 2) {
      std::uint32_t quads[kPanelRows] = {};
      for (int i = 0; i < 4; ++i) {
        if (i % 2 == 0) load_pair(codes, k + i / 2, pair[0], pair[1]);
        const Lanes& x = pair[i % 2];
        for (int r = 0; r < kPanelRows; ++r) {
          // In this order NaN becomes a code, too; the norms keep it.
          const float code = std::min(127.0f, std::max(-127.0f, x[r] * inverse[r] + kToInteger - kToInteger));
          const float rounded = code * scales[r], off = x[r] - rounded;
          exact[r] += x[r] * x[r];
          screened[r] += rounded * rounded;
          error[r] += off * off;
          quads[r] |= std::uint32_t(int(code) + 128) << (8 * i);
        }
      }
      std::memcpy(to + std::size_t(k / 2) * sizeof(quads), quads, sizeof(quads));
    }
    for (int r = 0; r < kPanelRows; ++r) {
      norms.exact[r] += double(exact[r]);
      norms.screened[r] += double(screened[r]);
      norms.error[r] += double(error[r]);
    }
  }
}

}  // namespace

bool can_screen(const PanelMatrix& w) { return w.storage == Storage::kBF16 && w.cols <= 65536; }

Screen make_screen(const PanelMatrix& w, ThreadTeam& team) {
  check(can_screen(w), "what is screened is a BF16 matrix whose sums fit in 32 bits");
  Screen screen;
  screen.rows = w.rows;
  screen.n_panels = w.n_panels;
  screen.n_quads = w.n_blocks * kBlockCols / 4;
  const std::size_t panel_bytes = std::size_t(screen.n_quads) * kPanelRows * 4;
  const std::size_t n_padded = std::size_t(w.n_panels) * kPanelRows;
  screen.codes = Memory(std::size_t(w.n_panels) * panel_bytes);
  screen.scales = Memory(n_padded * sizeof(float));
  screen.errors.resize(n_padded);
  screen.norms.resize(n_padded);
  screen.bytes = screen.codes.bytes() + screen.scales.bytes() + 2 * n_padded * sizeof(float);
  team.parallel_for(std::size_t(w.n_panels), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t panel = begin; panel < end; ++panel) {
      PanelNorms norms;
      const std::size_t first = panel * kPanelRows;
      screen_panel(w, int(panel), screen.codes.data() + panel * panel_bytes, screen.scales.as<float>() + first, norms);
      for (std::size_t r = 0; r < kPanelRows; ++r) {
        const double lost = w.cols * 0x1p-140;  // squares too small for f32
        const double error = std::sqrt(norms.error[r] + lost) * kUp;
        const double norm = std::sqrt(std::max(norms.exact[r], norms.screened[r]) + lost) * kUp;
        const bool finite = std::isfinite(error) && std::isfinite(norm);
        screen.errors[first + r] = finite ? float(error) : std::numeric_limits<float>::infinity();
        screen.norms[first + r] = finite ? float(norm) : 0.0f;
      }
    }
  });
  return screen;
}

bool ScreenInput::fill(const Operand& x, int n_quads) {
  n_tokens = x.n_tokens;
  const std::size_t n = std::size_t(n_tokens), n_words = n * std::size_t(n_quads);
  high.assign(n_words, 0);
  low.assign(n_words, 0);
  high_start.assign(n, 0);
  low_start.assign(n, 0);
  tokens.assign(n, {});
  const int n_cols = n_quads * 4;
  for (std::size_t t = 0; t < n; ++t) {
    const float* h = x.f32 + std::ptrdiff_t(t) * x.stride();
    float largest = 0, not_finite = 0;
    for (int i = 0; i < n_cols; ++i) {
      largest = std::max(largest, std::abs(h[i]));
      not_finite += h[i] * 0.0f;
    }
    if (not_finite != 0 || largest > 0x1p60f) return false;
    if (largest < 0x1p-60f) largest = 0x1p-60f;
    Token& token = tokens[t];
    token.step = largest / (127 * 128);
    double exact = 0, rest = 0, high_part = 0, low_part = 0;  // squared norms
    for (int i = 0; i < n_cols; ++i) {
      const double value = double(h[i]), step = double(token.step);
      const int code = int(std::lrint(value / step)), upper = int(std::lrint(code / 128.0)), lower = code - 128 * upper;
      const std::size_t at = std::size_t(i / 4) * n + t;
      high[at] |= std::uint32_t(std::uint8_t(std::int8_t(upper))) << (8 * (i % 4));
      low[at] |= std::uint32_t(std::uint8_t(std::int8_t(lower))) << (8 * (i % 4));
      high_start[t] -= 128 * upper;
      low_start[t] -= 128 * lower;
      const double off = value - code * step, part = 128 * upper * step, small = lower * step;
      exact += value * value;
      rest += off * off;
      high_part += part * part;
      low_part += small * small;
    }
    const double norm = std::sqrt(exact), parts = std::sqrt(high_part) + std::sqrt(low_part);
    token.error_factor = kUp * norm;
    token.norm_factor = kUp * (std::sqrt(rest) + 6 * kUnit * parts + (n_cols + 8) * kUnit * norm) + 0x1p-90;
  }
  return true;
}

}  // namespace nibble::device::cpu
