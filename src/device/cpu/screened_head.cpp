#include "device/cpu/screened_head.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nibble::device::cpu {
namespace {

constexpr int kMostLargest = 4096;    // beyond, most of the head would be rescored
constexpr double kMostPanels = 0.25;  // of the head: rescored panels are not read in order

// The n largest entries of `values`, in no order.
void find_largest(std::span<const float> values, std::size_t n, std::vector<std::pair<float, int>>& best) {
  best.clear();
  float least = -std::numeric_limits<float>::infinity();
  const auto cut = [&] {
    std::nth_element(best.begin(), best.begin() + std::ptrdiff_t(n) - 1, best.end(), std::greater<>());
    best.resize(n);
    least = best.back().first;
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < least) continue;
    best.emplace_back(values[i], int(i));
    if (best.size() >= 4 * n + 64) cut();
  }
  if (best.size() > n) cut();
}

// A value below which no exact logit, softcapped and rounded, can equal or exceed that of `logit`; NaN if there is none.
float below_softcap(float logit, float cap) {
  if (cap == 0) return logit;
  const double capped = double(cap) * std::tanh(double(logit) / double(cap));
  const double least = (capped - 0x1p-18 * std::abs(capped)) / double(cap);  // 64 units: both roundings are below 8
  if (std::abs(least) > 1 - 0x1p-16) return std::nanf("");                   // where the cap makes many logits equal
  return std::nextafter(float(double(cap) * std::atanh(least) * (1 - std::copysign(0x1p-20, least))),
                        -std::numeric_limits<float>::infinity());
}

}  // namespace

bool ScreenedHead::run(ThreadTeam& team, const Kernels& kernels, const PanelMatrix& w, const Operand& x, float cap,
                       std::span<const int> largest, Array out, ScreenCounts& counts) {
  for (const int n : largest)
    if (n > std::min(kMostLargest, w.rows)) return false;
  for (int t = 0; t < x.n_tokens; t += kTileTokens) {
    const Operand tile = tile_alone(x, t);
    if (!run_tile(team, kernels, w, tile, cap, largest.subspan(std::size_t(t), std::size_t(tile.n_tokens)),
                  {out.row(t), tile.n_tokens, out.cols, out.stride}, counts))
      return false;
  }
  return true;
}

bool ScreenedHead::run_tile(ThreadTeam& team, const Kernels& kernels, const PanelMatrix& w, const Operand& x, float cap,
                            std::span<const int> largest, Array out, ScreenCounts& counts) {
  const int n_tokens = x.n_tokens, width = screen_->n_panels * kPanelRows;
  scores_.resize(std::size_t(n_tokens) * std::size_t(width));
  const Array scores = {scores_.data(), n_tokens, width, width};
  if (!screen_->score(team, kernels, x, scores)) return false;

  // The exact logits of the rows that score best: what is not above the least of them is not wanted.
  is_wanted_.assign(std::size_t(screen_->n_panels), 0);
  wanted_.clear();
  std::vector<std::vector<int>> first(static_cast<std::size_t>(n_tokens));
  for (int t = 0; t < n_tokens; ++t) {
    find_largest({scores.row(t), std::size_t(w.rows)}, std::size_t(largest[std::size_t(t)]), best_);
    for (const auto& [score, row] : best_) {
      first[std::size_t(t)].push_back(row);
      want(row);
    }
  }
  const auto matmul = [&](std::size_t from, const Array& to) {
    team.parallel_for(wanted_.size() - from, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = from + begin; i < from + end; ++i) kernels.matmul(w, x, wanted_[i], wanted_[i] + 1, to);
    });
  };
  matmul(0, out);
  const std::size_t n_first = wanted_.size();
  for (int t = 0; t < n_tokens; ++t) {
    float least = std::numeric_limits<float>::infinity();
    for (const int row : first[std::size_t(t)]) least = std::min(least, out.row(t)[row]);
    least = below_softcap(least, cap);
    if (!std::isfinite(least)) return false;
    const float error_factor = float(screen_->factors[std::size_t(t)].error * 1.000001);
    const float norm_factor = float(screen_->factors[std::size_t(t)].norm * 1.000001);
    const float* score = scores.row(t);
    for (int panel = 0; panel < screen_->n_panels; ++panel) {
      bool wanted = false;
      for (int row = panel * kPanelRows; row < (panel + 1) * kPanelRows; ++row) {
        const float bound =
            screen_->errors[std::size_t(row)] * error_factor + screen_->norms[std::size_t(row)] * norm_factor;
        wanted |= !(score[row] + bound < least);
      }
      if (wanted) want(panel * kPanelRows);
    }
  }
  if (double(wanted_.size()) > kMostPanels * screen_->n_panels) return false;
  matmul(n_first, out);

  // Everything else of these tokens becomes unwanted.
  team.parallel_for(std::size_t(screen_->n_panels), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t panel = begin; panel < end; ++panel) {
      const int row = int(panel) * kPanelRows, n = std::min(kPanelRows, w.rows - row);
      for (int t = 0; t < n_tokens; ++t) {
        float* at = out.row(t) + row;
        if (!is_wanted_[panel]) {
          std::fill(at, at + n, kUnwanted);
        } else if (cap > 0) {
          kernels.softcap(at, cap, n);
        }
      }
    }
  });
  counts.tokens += n_tokens;
  counts.rescored_rows += std::int64_t(wanted_.size()) * kPanelRows;
  return true;
}

void ScreenedHead::want(int row) {
  char& is_wanted = is_wanted_[std::size_t(row / kPanelRows)];
  if (is_wanted) return;
  is_wanted = 1;
  wanted_.push_back(row / kPanelRows);
}

}  // namespace nibble::device::cpu
