// The mixture of experts of 26B-A4B, beside the dense feed-forward.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/gemma4.h"
#include "model/scratch.h"

namespace nibble::model {

using device::Array;

namespace {

// The experts of one token and their weights: softmax over all, the largest n kept (the lower index on a tie), scaled to
// sum 1, then by each expert's own factor.
struct Route {
  std::vector<int> experts;
  std::vector<float> weights;
};

Route route(std::span<float> scores, int n_used, const std::vector<float>& per_expert_scale) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  float total = 0;
  for (float& score : scores) total += score = std::exp(score - largest);
  for (float& score : scores) score /= total;
  Route route;
  route.experts.resize(scores.size());
  std::iota(route.experts.begin(), route.experts.end(), 0);
  std::partial_sort(route.experts.begin(), route.experts.begin() + n_used, route.experts.end(), [&](int a, int b) {
    const float p = scores[std::size_t(a)], q = scores[std::size_t(b)];
    return p != q ? p > q : a < b;
  });
  route.experts.resize(std::size_t(n_used));
  float kept = 0;
  for (const int e : route.experts) kept += scores[std::size_t(e)];
  for (const int e : route.experts)
    route.weights.push_back(scores[std::size_t(e)] / kept * per_expert_scale[std::size_t(e)]);
  return route;
}

}  // namespace

void Gemma4::mixture(const MixtureOfExperts& moe, int index, Array x, Array out) {
  const int n = x.rows, n_experts = config().n_experts, d_ff = config().d_ff_expert, d_model = config().d_model;
  const float eps = config().rms_norm_eps;

  // Router: its own unweighted norm of the residual, scaled column by column.
  const Array scaled = out, scores = scratch_->router->array().first_rows(n);
  device_.rms_norm(x, {}, d_model, eps, scaled);
  device_.multiply_columns(scaled, moe.router_scale->array());
  device_.scale(scaled, 1.0f / std::sqrt(float(d_model)));
  project(scaled, moe.router, scores);
  std::vector<float> host(std::size_t(n) * std::size_t(n_experts));
  device_.read(scores, host);
  std::vector<std::vector<int>> rows(static_cast<std::size_t>(n_experts));
  std::vector<std::vector<float>> factors(rows.size());
  for (int r = 0; r < n; ++r) {
    const Route taken = route(std::span(host).subspan(std::size_t(r) * std::size_t(n_experts), std::size_t(n_experts)),
                              config().n_experts_used, moe.per_expert_scale);
    for (std::size_t i = 0; i < taken.experts.size(); ++i) {
      rows[std::size_t(taken.experts[i])].push_back(r);
      factors[std::size_t(taken.experts[i])].push_back(taken.weights[i]);
    }
  }
  device_.write(host, scores);
  observe("router.probs", index, scores);

  const Array normed = scratch_->expert_in->array().first_rows(n);
  device_.rms_norm(x, moe.pre_norm->array(), d_model, eps, normed);
  device_.scale(out, 0.0f);
  for (int e = 0; e < n_experts; ++e) {
    const auto& mine = rows[std::size_t(e)];
    if (mine.empty()) continue;
    const int k = int(mine.size());
    const Array in = scratch_->expert_rows->array().first_rows(k);
    const Array gate_up = scratch_->gate_up->array().first_rows(k);
    const Array ff = scratch_->ff->array().first_rows(k).columns(0, d_ff);
    device_.gather_rows(normed, mine, in);
    project(in, moe.experts[std::size_t(e)].gate_up, gate_up);
    device_.gelu_multiply(gate_up.columns(0, d_ff), gate_up.columns(d_ff, d_ff), ff);
    project(ff, moe.experts[std::size_t(e)].down, in);
    device_.scatter_add(in, mine, factors[std::size_t(e)], out);
  }
  observe("experts", index, out);
}

}  // namespace nibble::model
