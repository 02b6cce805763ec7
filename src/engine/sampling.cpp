#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "engine/philox.h"

namespace nibble::engine {
namespace {

// vLLM's thresholds: below the first temperature sampling is greedy, below the second it is raised to it, so that
// logits divided by it stay finite.
constexpr double kGreedyTemperature = 1e-5, kMinTemperature = 1e-2;
constexpr std::size_t kUsualNucleus = 1024;  // of 262,144

void check_finite(std::span<const float> logits) {
  // x - x is 0 for every finite x and NaN otherwise; the sum vectorises where a test with an exit does not.
  float sum = 0;
  for (const float logit : logits) sum += logit - logit;
  if (sum == 0) return;
  const auto bad = std::find_if(logits.begin(), logits.end(), [](float x) { return !std::isfinite(x); });
  throw Error("the model computed the logit {} for token {}: its weights are damaged, or a value overflowed", *bad,
              bad - logits.begin());
}

int argmax(std::span<const float> logits) {
  return int(std::max_element(logits.begin(), logits.end()) - logits.begin());  // the first of equals
}

double weight(float logit, float max) { return std::exp(logit - max); }

}  // namespace

TokenCounts::TokenCounts(const SamplingParams& params, std::span<const int> prompt)
    : active_(params.repetition_penalty != 1.0 || params.presence_penalty != 0.0 || params.frequency_penalty != 0.0) {
  if (!active_) return;
  for (const int token : prompt) outputs_of_.try_emplace(token, 0);
}

void TokenCounts::add_output(int token) {
  if (active_) ++outputs_of_[token];
}

void TokenCounts::apply(const SamplingParams& params, std::span<float> logits) const {
  if (!active_) return;
  for (const auto& [token, n] : outputs_of_) {
    float& logit = logits[std::size_t(token)];
    const float repetition = float(params.repetition_penalty);
    logit = logit > 0 ? logit / repetition : logit * repetition;
    logit -= float(params.frequency_penalty) * float(n);
    if (n > 0) logit -= float(params.presence_penalty);
  }
}

int logits_needed(const SamplingParams& params, const TokenCounts& counts) {
  if (params.logprobs || params.repetition_penalty < 1 || params.presence_penalty < 0 || params.frequency_penalty < 0)
    return 0;
  for (const auto& [id, bias] : params.logit_bias)
    if (bias > 0) return 0;
  std::size_t n = counts.size() + params.logit_bias.size();
  if (params.temperature < kGreedyTemperature) {
    n += 1;
  } else if (params.top_k > 0) {
    n += std::size_t(params.top_k);
  } else {
    return 0;
  }
  return n < std::size_t{1} << 20 ? int(n) : 0;
}

SampledToken Sampler::sample(const SamplingParams& params, std::uint64_t seed, int position, const TokenCounts& counts,
                             std::span<float> logits) {
  check_finite(logits);
  SampledToken token;
  std::vector<float> raw;
  if (params.logprobs) raw.assign(logits.begin(), logits.end());

  for (const auto& [id, bias] : params.logit_bias) logits[std::size_t(id)] += float(bias);
  counts.apply(params, logits);
  if (params.temperature < kGreedyTemperature) {
    token.id = argmax(logits);
  } else {
    const float temperature = float(std::max(params.temperature, kMinTemperature));
    for (float& logit : logits) logit /= temperature;
    const float max = *std::max_element(logits.begin(), logits.end());
    if (!std::isfinite(max)) throw Error("the largest logit overflowed to {} under these sampling parameters", max);
    const Candidate last = last_kept(params, logits, max);
    token.id = draw(logits, max, last, uniform(seed, std::uint64_t(position)));
  }
  if (params.logprobs) add_logprobs(std::size_t(*params.logprobs), raw, token);
  return token;
}

// candidates_ <- the n best, in no order. A buffer of a few times n is cut back to n whenever it is full, and what the
// n-th of it beats never enters: one comparison for nearly every logit.
void Sampler::select_best(std::span<const float> logits, std::size_t n) {
  candidates_.clear();
  const std::size_t capacity = std::max<std::size_t>(4 * n, 256);
  float worst = -std::numeric_limits<float>::infinity();
  const auto cut = [&] {
    const auto nth = candidates_.begin() + std::ptrdiff_t(n) - 1;
    std::nth_element(candidates_.begin(), nth, candidates_.end());
    worst = nth->logit;
    candidates_.resize(n);
  };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] <= worst) continue;  // ids rise, so an equal logit comes behind those already held
    candidates_.push_back({logits[i], int(i)});
    if (candidates_.size() == capacity) cut();
  }
  if (candidates_.size() > n) cut();
}

// The worst candidate that min-p, top-k and top-p keep; everything before it is kept, too. As in vLLM, logits equal to
// the k-th are kept with it, and top-p measures mass among the survivors of the other two.
Candidate Sampler::last_kept(const SamplingParams& params, std::span<const float> logits, float max) {
  const bool limit_k = params.top_k > 0 && std::size_t(params.top_k) < logits.size();
  float threshold = -std::numeric_limits<float>::infinity();
  if (params.min_p > 0) threshold = float(max + std::log(params.min_p));
  if (limit_k) {
    select_best(logits, std::size_t(params.top_k));
    // The order puts the k-th last.
    threshold = std::max(threshold, std::max_element(candidates_.begin(), candidates_.end())->logit);
  }
  const Candidate all{threshold, std::numeric_limits<int>::max()};
  if (params.top_p >= 1) return all;

  double total = 0;
  for (const float logit : logits)
    if (logit >= threshold) total += weight(logit, max);
  // A nucleus is small as a rule; only where it is not are all tokens looked at.
  double mass = 0;
  if (!limit_k) {
    select_best(logits, std::min(kUsualNucleus, logits.size()));
    for (const Candidate& c : candidates_)
      if (c.logit >= threshold) mass += weight(c.logit, max);
  }
  if (mass < params.top_p * total) {
    candidates_.clear();
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (logits[i] >= threshold) candidates_.push_back({logits[i], int(i)});
  }
  return std::min(all, last_of_nucleus(params.top_p, max, total));  // the better one
}

// The last candidate before which lies less than top_p of the total, by halving: select the better half, see whether
// the mass is reached in it, go on in that half or behind it. Linear, where sorting is not.
Candidate Sampler::last_of_nucleus(double top_p, float max, double total) {
  auto begin = candidates_.begin(), end = candidates_.end();
  double mass_before = 0;
  while (end - begin > 1) {
    const auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end);
    double mass = 0;
    for (auto c = begin; c != middle; ++c) mass += weight(c->logit, max);
    if (mass_before + mass < top_p * total) {  // the middle one still belongs
      mass_before += mass;
      begin = middle;
    } else {
      end = middle;
    }
  }
  return *begin;
}

// Walks the kept tokens by id until their share of the mass passes `uniform`.
int Sampler::draw(std::span<const float> logits, float max, Candidate last, double uniform) {
  weights_.clear();
  double total = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < last.logit || (logits[i] == last.logit && int(i) > last.id)) continue;
    weights_.emplace_back(int(i), weight(logits[i], max));
    total += weights_.back().second;
  }
  check(!weights_.empty(), "the most likely token is always kept");
  double remaining = uniform * total;
  int chosen = weights_.front().first;
  for (const auto& [id, mass] : weights_) {
    if (mass > 0) chosen = id;  // rounding may leave `remaining` above 0 behind the last
    remaining -= mass;
    if (remaining < 0) break;
  }
  return chosen;
}

void Sampler::add_logprobs(std::size_t n, std::span<const float> logits, SampledToken& token) {
  const float max = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += weight(logit, max);
  const double log_total = std::log(total) + double(max);
  const auto logprob = [&](float logit) { return float(double(logit) - log_total); };
  token.logprob = logprob(logits[std::size_t(token.id)]);
  n = std::min(n, logits.size());
  if (n == 0) return;
  select_best(logits, n);
  std::sort(candidates_.begin(), candidates_.end());  // n of them: at most 20
  for (const Candidate& c : candidates_) token.top.push_back({c.id, logprob(c.logit)});
}

}  // namespace nibble::engine
