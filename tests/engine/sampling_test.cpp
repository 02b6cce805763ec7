// The sampler against a reference that sorts everything, against the distribution it promises, and against bad logits.
#include "engine/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "engine/philox.h"

namespace nibble::engine {
namespace {

std::vector<float> random_logits(std::size_t n, unsigned seed, bool ties = false) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = ties ? std::round(normal(random) * 2) / 2 : normal(random);
  return logits;
}

// Every token's probability by the definition: temperature, min-p, top-k, top-p on a full sort, in double.
std::vector<double> reference_probabilities(const SamplingParams& params, std::vector<float> logits) {
  const std::size_t n = logits.size();
  for (float& logit : logits) logit /= float(params.temperature);
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return logits[std::size_t(a)] > logits[std::size_t(b)]; });
  const double max = logits[std::size_t(order[0])];
  std::vector<double> p(n, 0.0);
  const float kth = params.top_k > 0 && std::size_t(params.top_k) < n
                        ? logits[std::size_t(order[std::size_t(params.top_k) - 1])]
                        : -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < n; ++i) {
    const double weight = std::exp(logits[i] - max);
    if (logits[i] >= kth && weight >= params.min_p * (1 - 1e-6)) p[i] = weight;
  }
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  double before = 0, kept = 0;
  for (const int id : order) {
    double& mass = p[std::size_t(id)];
    const bool inside = params.top_p >= 1 || before < params.top_p * total;
    before += mass;
    if (!inside) mass = 0;
    kept += mass;
  }
  for (double& mass : p) mass /= kept;
  return p;
}

SampledToken sample(const SamplingParams& params, std::vector<float> logits, std::uint64_t seed, int position,
                    const std::vector<int>& prompt = {}, const std::vector<int>& output = {}) {
  TokenCounts counts(params, prompt);
  for (const int token : output) counts.add_output(token);
  Sampler sampler;
  return sampler.sample(params, seed, position, counts, logits);
}

std::vector<SamplingParams> filters() {
  std::vector<SamplingParams> all;
  for (const double temperature : {0.4, 1.0, 1.7})
    for (const std::int64_t top_k : {-1, 0, 1, 5, 64, 100000})
      for (const double top_p : {1.0, 0.95, 0.5, 1e-9, 0.9999999})
        for (const double min_p : {0.0, 0.05, 1.0})
          all.push_back({.temperature = temperature, .top_k = top_k, .top_p = top_p, .min_p = min_p});
  return all;
}

TEST(Philox, KnownAnswers) {  // the known-answer vectors of the paper's own library
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The token that the reference distribution puts under the draw's uniform number, walking by id, is the one chosen; a
// draw within rounding of a boundary may fall to either side.
TEST(Sampler, ChoosesWhatTheFullSortChooses) {
  for (const bool ties : {false, true}) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{3000}}) {
      const std::vector<float> logits = random_logits(n, unsigned(n), ties);
      for (const SamplingParams& params : filters()) {
        const std::vector<double> p = reference_probabilities(params, logits);
        for (int position = 0; position < 8; ++position) {
          const int found = sample(params, logits, 42, position).id;
          double below = 0;
          for (int id = 0; id < found; ++id) below += p[std::size_t(id)];
          const double u = uniform(42, std::uint64_t(position)), mass = p[std::size_t(found)];
          EXPECT_GT(mass, 0) << found << " is filtered out: top_k " << params.top_k << " top_p " << params.top_p
                             << " min_p " << params.min_p << " n " << n << " ties " << ties;
          EXPECT_GE(u, below - 1e-5);
          EXPECT_LE(u, below + mass + 1e-5);
        }
      }
    }
  }
}

TEST(Sampler, DrawsTheDistributionItPromises) {
  const std::size_t n = 12;
  const std::vector<float> logits = random_logits(n, 5);
  for (const SamplingParams& params : {SamplingParams{}, SamplingParams{.temperature = 0.7, .top_k = 6, .top_p = 0.95},
                                       SamplingParams{.temperature = 2.0, .min_p = 0.02}}) {
    const std::vector<double> p = reference_probabilities(params, logits);
    const int draws = 40000;
    std::vector<int> seen(n);
    for (int i = 0; i < draws; ++i) ++seen[std::size_t(sample(params, logits, std::uint64_t(i % 7), i).id)];
    double chi_square = 0;
    int cells = 0;
    double rare_p = 0, rare_seen = 0;  // cells with fewer than 5 expected are pooled
    for (std::size_t id = 0; id < n; ++id) {
      const double expected = p[id] * draws;
      if (expected < 5) {
        rare_p += expected, rare_seen += seen[id];
        continue;
      }
      chi_square += (seen[id] - expected) * (seen[id] - expected) / expected;
      ++cells;
    }
    EXPECT_LT(std::abs(rare_seen - rare_p), 5 + 5 * std::sqrt(rare_p));
    // The 99.99 % quantile of chi-square with 11 degrees of freedom is 37.4, with fewer it is less.
    EXPECT_LT(chi_square, 37.4) << cells << " cells";
  }
}

TEST(Sampler, SameSeedAndPositionSameToken) {
  const std::vector<float> logits = random_logits(5000, 1);
  const SamplingParams params{.temperature = 1.3, .top_p = 0.99};
  std::map<int, int> tokens;
  Sampler shared;
  for (int position = 0; position < 50; ++position) {
    std::vector<float> copy = logits;
    const TokenCounts counts(params, {});
    const int reused = shared.sample(params, 9, position, counts, copy).id;  // scratch of earlier calls is no input
    EXPECT_EQ(sample(params, logits, 9, position).id, reused);
    ++tokens[reused];
  }
  EXPECT_GT(tokens.size(), 5u);
  EXPECT_NE(uniform(9, 3), uniform(10, 3));
  EXPECT_NE(uniform(9, 3), uniform(9, 3, 1));
}

TEST(Sampler, GreedyTakesTheLowestIdOfEquals) {
  EXPECT_EQ(sample({.temperature = 0}, {1, 4, 4, 2}, 0, 0).id, 1);
  EXPECT_EQ(sample({.temperature = 1e-6, .top_k = 2}, {-1, -4, -0.5, -0.5}, 0, 0).id, 2);
  EXPECT_EQ(sample({.temperature = 1, .top_k = 1}, {1, 3, 4, 2}, 0, 0).id, 2);
}

// From 1e-5, where sampling begins, to 0.01 a temperature is 0.01, which gives the second of these logits one in twenty.
TEST(Sampler, TheLowestTemperature) {
  int second = 0;
  for (int position = 0; position < 400; ++position)
    second += sample({.temperature = 1e-4}, {0.03f, 0}, 3, position).id;
  EXPECT_GT(second, 5);
  EXPECT_LT(second, 50);
}

TEST(Sampler, PenaltiesAndBias) {
  const SamplingParams greedy{.temperature = 0};
  SamplingParams params = greedy;
  params.repetition_penalty = 2;  // divides a positive logit, multiplies a negative one; prompt and output
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {0}).id, 1);
  EXPECT_EQ(sample(params, {-2, -3}, 0, 0, {0}).id, 1);
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {}, {0}).id, 1);
  params = greedy;
  params.presence_penalty = 1.5;  // output only, once
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {0}).id, 0);
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {}, {0}).id, 1);
  EXPECT_EQ(sample(params, {4, 2}, 0, 0, {}, {0, 0, 0}).id, 0);
  params = greedy;
  params.frequency_penalty = 0.4;  // output only, each time
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {}, {0, 0}).id, 0);
  EXPECT_EQ(sample(params, {4, 3}, 0, 0, {}, {0, 0, 0}).id, 1);
  params = greedy;
  params.logit_bias = {{1, 100}, {2, -100}};
  EXPECT_EQ(sample(params, {4, -30, 90}, 0, 0).id, 1);
  params.repetition_penalty = 100;  // the bias comes before the penalty
  EXPECT_EQ(sample(params, {4, -30, 90}, 0, 0, {1}).id, 0);
}

TEST(Sampler, LogprobsAreThoseOfTheRawLogits) {
  const std::vector<float> logits = random_logits(2000, 3, true);
  double total = 0;
  for (const float logit : logits) total += std::exp(double(logit));
  SamplingParams params{.temperature = 0.5, .top_k = 3, .logprobs = 20};
  params.logit_bias = {{7, 50}};
  const SampledToken token = sample(params, logits, 1, 1);
  EXPECT_EQ(token.id, 7);
  EXPECT_NEAR(*token.logprob, double(logits[7]) - std::log(total), 1e-5);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return logits[std::size_t(a)] > logits[std::size_t(b)]; });
  ASSERT_EQ(token.top.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(token.top[i].id, order[i]) << i;
    EXPECT_NEAR(token.top[i].logprob, double(logits[std::size_t(order[i])]) - std::log(total), 1e-5);
  }
  params.logprobs = 0;
  EXPECT_TRUE(sample(params, logits, 1, 1).logprob.has_value());
  EXPECT_TRUE(sample(params, logits, 1, 1).top.empty());
  params.logprobs.reset();
  EXPECT_FALSE(sample(params, logits, 1, 1).logprob.has_value());
}

std::string message(const SamplingParams& params, const std::vector<float>& logits) {
  try {
    sample(params, logits, 0, 0);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Sampler, NonFiniteLogitsAreAnError) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message({}, {0, std::nanf(""), 1}),
            "the model computed the logit nan for token 1: its weights are damaged, or a value overflowed");
  EXPECT_EQ(message({.temperature = 0}, {0, 1, -infinity}),
            "the model computed the logit -inf for token 2: its weights are damaged, or a value overflowed");
  EXPECT_EQ(message({.temperature = 0.01}, {0, 3e38f}),
            "the largest logit overflowed to inf under these sampling parameters");
}

std::string invalid(const SamplingParams& params) {
  try {
    validate(params, 100);
  } catch (const RequestError& error) {
    return error.what();
  }
  return "";
}

TEST(SamplingParams, RangesAndMessages) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(invalid({}), "");
  EXPECT_EQ(invalid({.temperature = -0.1}), "temperature must be in [0, 100], got -0.1");
  EXPECT_EQ(invalid({.temperature = nan}), "temperature must be in [0, 100], got nan");
  EXPECT_EQ(invalid({.temperature = infinity}), "temperature must be in [0, 100], got inf");
  EXPECT_EQ(invalid({.temperature = 100}), "");
  EXPECT_EQ(invalid({.top_k = -2}), "top_k must be in [-1, 2147483648], got -2");
  EXPECT_EQ(invalid({.top_k = -1}), "");
  EXPECT_EQ(invalid({.top_p = 0}), "top_p must be in (0, 1], got 0");
  EXPECT_EQ(invalid({.top_p = 1.0001}), "top_p must be in (0, 1], got 1.0001");
  EXPECT_EQ(invalid({.min_p = -1}), "min_p must be in [0, 1], got -1");
  EXPECT_EQ(invalid({.repetition_penalty = 0}), "repetition_penalty must be in [0.01, 100], got 0");
  EXPECT_EQ(invalid({.presence_penalty = 2.1}), "presence_penalty must be in [-2, 2], got 2.1");
  EXPECT_EQ(invalid({.frequency_penalty = -2.1}), "frequency_penalty must be in [-2, 2], got -2.1");
  EXPECT_EQ(invalid({.max_new_tokens = 0}), "max_new_tokens must be in [1, 2147483648], got 0");
  EXPECT_EQ(invalid({.logprobs = 21}), "logprobs must be in [0, 20], got 21");
  EXPECT_EQ(invalid({.logprobs = -1}), "logprobs must be in [0, 20], got -1");
  EXPECT_EQ(invalid({.logit_bias = {{100, 1.0}}}), "logit_bias names token 100: the vocabulary has ids 0 to 99");
  EXPECT_EQ(invalid({.logit_bias = {{5, 101.0}}}), "logit_bias of token 5 must be in [-100, 100], got 101");
  EXPECT_EQ(invalid({.logit_bias = std::vector<std::pair<int, double>>(301)}),
            "logit_bias has 301 entries: at most 300 are allowed");
  EXPECT_EQ(invalid({.stop = {""}}), "stop has an empty string: it would end every answer before it begins");
  EXPECT_EQ(invalid({.stop = std::vector<std::string>(17, "x")}), "stop has 17 entries: at most 16 are allowed");
  EXPECT_EQ(invalid({.stop = {std::string(1025, 'x')}}), "stop has a string of 1025 bytes: at most 1024 are allowed");
  EXPECT_EQ(invalid({.stop_token_ids = {-1}}), "stop_token_ids names token -1: the vocabulary has ids 0 to 99");
}

}  // namespace
}  // namespace nibble::engine
