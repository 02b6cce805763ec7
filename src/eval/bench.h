// Speed of a model on a device, as a model card gives it: one answer, long ones, several at once, prompts, and deep
// contexts. Tokens are arbitrary and the model's own end is ignored; what is timed is the engine's whole step, sampling
// included. Figures are tokens a second.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "device/device.h"
#include "model/weights.h"

namespace nibble::eval {

struct BenchPlan {
  int runs = 3;
  int prompt_tokens = 128;           // before every answer
  int answer_tokens = 500;           // of the answers that are timed alone
  int long_answer_tokens = 1000;     // 0: none
  int parallel_answer_tokens = 100;  // of each request among several
  std::vector<int> parallel = {3};   // requests at once
  std::vector<int> prefill = {128, 512, 2048};
  std::vector<int> depths = {128, 1024, 4096, 16384};
  int max_batch_rows = 512;
};

struct Spread {
  double median = 0, min = 0, max = 0;
};
Spread spread_of(std::vector<double> values);

struct LongAnswer {
  int tokens = 0;
  double first = 0, last = 0;  // of its first and last tenth
};
struct ParallelSpeed {
  int requests = 0;
  double each = 0, together = 0;
};
struct SpeedAt {
  int tokens = 0;
  Spread speed;
};

struct SpeedReport {
  std::size_t weight_bytes = 0, kv_bytes = 0;
  double bytes_per_token = 0;         // of weights, for one decoded token
  double rescored_rows = 0;           // of the head, for one decoded token: what screening could not rule out
  double flops_per_prompt_token = 0;  // of one whose logits nobody wants
  double integer_share = 0;           // of these that are made with integers
  Spread decode;
  LongAnswer long_answer;
  std::vector<ParallelSpeed> parallel;
  std::vector<SpeedAt> prefill;
  std::vector<SpeedAt> depth;
};

// `progress` is told what runs next. Prompts and depths beyond the model's positions are left out.
SpeedReport measure_speed(device::Device& device, const model::Weights& weights, const BenchPlan& plan,
                          const std::function<void(const std::string&)>& progress);

}  // namespace nibble::eval
