#include "eval/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "engine/engine.h"
#include "model/gemma4.h"

namespace nibble::eval {
namespace {

using Clock = std::chrono::steady_clock;
using engine::Engine;

constexpr int kDepthSteps = 16;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Arbitrary tokens, other ones for each `seed`.
std::vector<int> some_tokens(int n, int n_vocab, int seed) {
  std::vector<int> tokens;
  std::uint32_t state = 12345u + std::uint32_t(seed) * 7919u;
  for (int i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(int((state >> 8) % std::uint32_t(n_vocab)));
  }
  return tokens;
}

engine::Request request(int n_prompt, int n_answer, int n_vocab, int seed) {
  engine::Request request{.prompt_ids = some_tokens(n_prompt, n_vocab, seed)};
  request.params.temperature = 0;
  request.params.max_new_tokens = n_answer;
  request.params.ignore_eos = true;
  return request;
}

// When each token of each request came, in seconds after the submission of all.
std::vector<std::vector<double>> token_times(Engine& engine, int n_requests, int n_prompt, int n_answer) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(n_requests));
  const auto start = Clock::now();
  engine::RequestId first = 0;
  for (int i = 0; i < n_requests; ++i) {
    const engine::RequestId id = engine.submit(request(n_prompt, n_answer, engine.n_vocab(), i));
    if (i == 0) first = id;
  }
  while (!engine.idle()) {
    for (const engine::Event& event : engine.step()) {
      if (event.finish == engine::FinishReason::kError) throw Error("{}", event.error);
      times[event.id - first].push_back(seconds_since(start));
    }
  }
  return times;
}

// Tokens a second over times[begin, end), the first of which only starts the clock.
double speed(const std::vector<double>& times, std::size_t begin, std::size_t end) {
  return double(end - begin - 1) / (times[end - 1] - times[begin]);
}

// While all of them answer: from the moment the last one starts until the first one ends.
ParallelSpeed parallel_speed(const std::vector<std::vector<double>>& times) {
  double begin = 0, end = times[0].back();
  for (const auto& one : times) begin = std::max(begin, one.front()), end = std::min(end, one.back());
  std::size_t tokens = 0;
  for (const auto& one : times)
    tokens += std::size_t(std::count_if(one.begin(), one.end(), [&](double t) { return t > begin && t <= end; }));
  const double together = double(tokens) / (end - begin);
  return {int(times.size()), together / double(times.size()), together};
}

// Decoding at a depth, without the hours that filling the cache there takes on a CPU: the cache holds zeros, and no
// operation's time depends on its values.
Spread speed_at_depth(device::Device& device, const model::Weights& weights, int depth, int runs) {
  model::KvCache cache(device, weights.config.text,
                       {.max_sequences = 1, .max_positions = depth + kDepthSteps + 1, .max_batch_rows = 1});
  model::Gemma4 model(device, weights, 1);
  const int sequence = cache.open();
  if (!cache.reserve(sequence, depth + kDepthSteps + 1)) throw Error("no room for {} positions", depth + kDepthSteps);
  std::vector<double> speeds;
  for (int run = 0; run < runs; ++run) {
    const std::vector<int> tokens = some_tokens(kDepthSteps + 1, weights.config.text.n_vocab, run);
    Clock::time_point start;
    for (int i = 0; i <= kDepthSteps; ++i) {
      if (i == 1) start = Clock::now();
      // as the engine asks for a greedy token
      const model::Row row{tokens[std::size_t(i)], sequence, depth + i, true, 1};
      model.step({&row, 1}, cache);
    }
    speeds.push_back(kDepthSteps / seconds_since(start));
  }
  return spread_of(speeds);
}

double linear_bytes(const model::Linear& linear) {
  double bytes = 0;
  for (const model::Linear::Piece& piece : linear.pieces) bytes += double(piece.matrix->bytes_read);
  return bytes;
}
double linear_flops(const model::Linear& linear) { return 2.0 * linear.rows * linear.cols; }
double integer_flops(const model::Linear& linear) {
  double flops = 0;
  for (const model::Linear::Piece& piece : linear.pieces)
    if (piece.matrix->integer_products) flops += 2.0 * piece.matrix->rows * piece.matrix->cols;
  return flops;
}

// Adds up f(linear) over what one token goes through in layers [0, n_layers); of the experts its share.
template <typename F>
double sum_over_layers(const model::Weights& weights, int n_layers, const F& f) {
  double sum = 0;
  for (int i = 0; i < n_layers; ++i) {
    const model::Layer& layer = weights.layers[std::size_t(i)];
    for (const model::Linear* linear :
         {&layer.qkv, &layer.o, &layer.gate_up, &layer.down, &layer.ple_gate, &layer.ple_projection})
      sum += f(*linear);
    if (!layer.moe) continue;
    double experts = 0;
    for (const model::Expert& expert : layer.moe->experts) experts += f(expert.gate_up) + f(expert.down);
    sum += f(layer.moe->router) + experts * weights.config.text.n_experts_used / weights.config.text.n_experts;
  }
  return sum;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

SpeedReport measure_speed(device::Device& device, const model::Weights& weights, const BenchPlan& plan,
                          const std::function<void(const std::string&)>& progress) {
  SpeedReport report{.weight_bytes = weights.resident_bytes};
  const int n_layers = int(weights.layers.size());
  report.bytes_per_token = sum_over_layers(weights, n_layers, linear_bytes) + linear_bytes(weights.head) +
                           linear_bytes(weights.ple_lower) + linear_bytes(weights.ple_upper);
  report.flops_per_prompt_token =
      sum_over_layers(weights, weights.n_own_layers, linear_flops) + linear_flops(weights.ple_lower);
  report.integer_share = sum_over_layers(weights, weights.n_own_layers, integer_flops) / report.flops_per_prompt_token;

  const int n_parallel = plan.parallel.empty() ? 1 : *std::max_element(plan.parallel.begin(), plan.parallel.end());
  const int max_positions = weights.config.text.max_positions;
  int longest = plan.prompt_tokens + std::max({plan.answer_tokens, plan.long_answer_tokens, 2});
  for (const int n : plan.prefill)
    if (n < max_positions) longest = std::max(longest, n + 1);
  if (longest > max_positions)
    throw UsageError("an answer of {} tokens is more than this model's {} positions hold: ask for fewer", longest,
                     max_positions);
  Engine engine(device, weights, {},
                {.max_model_len = longest,
                 .max_sequences = n_parallel,
                 .max_batch_rows = std::max(plan.max_batch_rows, n_parallel),
                 .pool_positions = std::max(
                     longest, n_parallel * (plan.prompt_tokens + plan.parallel_answer_tokens + device::kKvBlock))});
  report.kv_bytes = engine.kv_bytes();
  token_times(engine, 1, 1, 2);  // warms up: pages, clocks, threads

  for (const int n : plan.prefill) {
    if (n >= max_positions) continue;
    std::vector<double> speeds;
    for (int run = 0; run < plan.runs; ++run) {
      progress(fmt::format("prompt of {} tokens, run {} of {}", n, run + 1, plan.runs));
      speeds.push_back(n / token_times(engine, 1, n, 1)[0][0]);
    }
    report.prefill.push_back({n, spread_of(speeds)});
  }
  std::vector<double> speeds;
  for (int run = 0; run < plan.runs; ++run) {
    progress(fmt::format("answer of {} tokens, run {} of {}", plan.answer_tokens, run + 1, plan.runs));
    const auto times = token_times(engine, 1, plan.prompt_tokens, plan.answer_tokens)[0];
    speeds.push_back(speed(times, 0, times.size()));
  }
  report.decode = spread_of(speeds);
  const device::ScreenCounts counts = device.screen_counts();
  if (counts.tokens > 0) report.rescored_rows = double(counts.rescored_rows) / double(counts.tokens);
  for (const int n : plan.parallel) {
    progress(fmt::format("{} requests at once", n));
    report.parallel.push_back(parallel_speed(token_times(engine, n, plan.prompt_tokens, plan.parallel_answer_tokens)));
  }
  if (plan.long_answer_tokens > 0) {
    progress(fmt::format("answer of {} tokens", plan.long_answer_tokens));
    const auto times = token_times(engine, 1, plan.prompt_tokens, plan.long_answer_tokens)[0];
    const std::size_t n = times.size(), tenth = std::max<std::size_t>(n / 10, 2);
    report.long_answer = {int(n), speed(times, 0, tenth), speed(times, n - tenth, n)};
  }
  for (const int depth : plan.depths) {
    if (depth + kDepthSteps >= max_positions) continue;
    progress(fmt::format("depth {}", depth));
    report.depth.push_back({depth, speed_at_depth(device, weights, depth, plan.runs)});
  }
  return report;
}

}  // namespace nibble::eval
