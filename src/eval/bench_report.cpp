#include "eval/bench_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace nibble::eval {
namespace {

class Table {
 public:
  explicit Table(std::vector<std::string> titles) { rows_.push_back(std::move(titles)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // The first column to the left, figures to the right; aligned, so that it reads as well in a terminal.
  std::string markdown() const {
    std::vector<std::size_t> widths(rows_[0].size(), 3);
    for (const auto& row : rows_)
      for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
    std::string text;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t c = 0; c < widths.size(); ++c)
        text += c == 0 ? fmt::format("| {:<{}} ", rows_[r][c], widths[c])
                       : fmt::format("| {:>{}} ", rows_[r][c], widths[c]);
      text += "|\n";
      if (r > 0) continue;
      for (std::size_t c = 0; c < widths.size(); ++c)
        text += c == 0 ? fmt::format("| {:-<{}} ", "", widths[c]) : fmt::format("| {:-<{}}: ", "", widths[c] - 1);
      text += "|\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string figure(double value) { return value >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value); }
std::string spread(const Spread& s) {
  return fmt::format("{} ({} to {})", figure(s.median), figure(s.min), figure(s.max));
}
std::string share(double part, double whole) { return whole > 0 ? fmt::format("{:.0f} %", 100 * part / whole) : "-"; }

// The multiplications of a prompt against the peak of the instructions that do them.
double prompt_peak(const SpeedReport& speed, const device::Walls& walls) {
  if (walls.float_flops <= 0) return 0;
  if (walls.int8_ops <= 0) return walls.float_flops;
  return 1 / (speed.integer_share / walls.int8_ops + (1 - speed.integer_share) / walls.float_flops);
}

Table card_table(const BenchReport& report) {
  Table table({"format", "memory", "tok/s", "relative", "of read bandwidth", "load"});
  const double base = report.models.empty() ? 0 : report.models[0].speed.decode.median;
  for (const BenchedModel& model : report.models) {
    const SpeedReport& speed = model.speed;
    table.add({model.format, fmt::format("{:.2f} GB", double(speed.weight_bytes + speed.kv_bytes) * 1e-9),
               spread(speed.decode), fmt::format("{:.2f}x", base > 0 ? speed.decode.median / base : 0),
               share(speed.decode.median * speed.bytes_per_token, report.walls.read_bytes_per_second),
               fmt::format("{:.1f} s", model.load_seconds)});
  }
  return table;
}

}  // namespace

std::string bench_markdown(const BenchReport& report) {
  const BenchPlan& plan = report.plan;
  std::string text = fmt::format(
      "{}\nwalls, measured in this process: {:.1f} GB/s read, {:.0f} GFLOP/s, {:.0f} GOP/s in int8\n\n", report.device,
      report.walls.read_bytes_per_second * 1e-9, report.walls.float_flops * 1e-9, report.walls.int8_ops * 1e-9);
  text += fmt::format("One request: {} tokens after a prompt of {}, median of {} runs (and their range)\n\n",
                      plan.answer_tokens, plan.prompt_tokens, plan.runs);
  text += card_table(report).markdown();

  Table more({"format", "what", "tok/s", "share of"});
  for (const BenchedModel& model : report.models) {
    const SpeedReport& speed = model.speed;
    if (const LongAnswer& answer = speed.long_answer; answer.tokens > 0)
      more.add({model.format, fmt::format("{} tokens, first and last tenth", answer.tokens),
                fmt::format("{} and {}", figure(answer.first), figure(answer.last)),
                fmt::format("{} of the first", share(answer.last, answer.first))});
    for (const ParallelSpeed& parallel : speed.parallel)
      more.add({model.format, fmt::format("{} requests at once", parallel.requests),
                fmt::format("{} each, {} together", figure(parallel.each), figure(parallel.together)),
                fmt::format("{:.2f}x one alone", parallel.together / speed.decode.median)});
    const double peak = prompt_peak(speed, report.walls);
    for (const SpeedAt& prompt : speed.prefill)
      more.add({model.format, fmt::format("prompt of {} tokens", prompt.tokens), spread(prompt.speed),
                fmt::format("{} of the peak", share(prompt.speed.median * speed.flops_per_prompt_token, peak))});
    for (const SpeedAt& depth : speed.depth)
      more.add({model.format, fmt::format("decoding at depth {}", depth.tokens), spread(depth.speed),
                fmt::format("{} of depth {}", share(depth.speed.median, speed.depth[0].speed.median),
                            speed.depth[0].tokens)});
  }
  return text + "\n" + more.markdown();
}

std::string profile_markdown(const std::vector<device::OpProfile>& profile, const device::Walls& walls) {
  double total = 0;
  for (const device::OpProfile& op : profile) total += op.seconds;
  Table table({"op", "calls", "ms", "time", "GB/s", "of read", "GFLOP/s", "of float peak"});
  for (const device::OpProfile& op : profile) {
    const double bytes = op.bytes / op.seconds, flops = op.flops / op.seconds;
    table.add({op.op, fmt::format("{}", op.calls), fmt::format("{:.1f}", op.seconds * 1e3), share(op.seconds, total),
               bytes > 0 ? fmt::format("{:.1f}", bytes * 1e-9) : "-",
               bytes > 0 ? share(bytes, walls.read_bytes_per_second) : "-",
               flops > 0 ? fmt::format("{:.0f}", flops * 1e-9) : "-",
               flops > 0 ? share(flops, walls.float_flops) : "-"});
  }
  return table.markdown();
}

namespace {

json::value spread_json(const Spread& s) { return {{"median", s.median}, {"min", s.min}, {"max", s.max}}; }

json::array speeds_json(const std::vector<SpeedAt>& speeds) {
  json::array all;
  for (const SpeedAt& at : speeds) all.push_back({{"tokens", at.tokens}, {"tokens_per_second", spread_json(at.speed)}});
  return all;
}

}  // namespace

json::value bench_json(const BenchReport& report) {
  json::array models;
  for (const BenchedModel& model : report.models) {
    const SpeedReport& speed = model.speed;
    json::array parallel;
    for (const ParallelSpeed& p : speed.parallel)
      parallel.push_back({{"requests", p.requests}, {"each", p.each}, {"together", p.together}});
    models.push_back(
        {{"model", model.name},
         {"format", model.format},
         {"load_seconds", model.load_seconds},
         {"weight_bytes", speed.weight_bytes},
         {"kv_bytes", speed.kv_bytes},
         {"bytes_per_token", speed.bytes_per_token},
         {"integer_share", speed.integer_share},
         {"rescored_rows", speed.rescored_rows},
         {"flops_per_prompt_token", speed.flops_per_prompt_token},
         {"decode", spread_json(speed.decode)},
         {"read_share", speed.decode.median * speed.bytes_per_token / report.walls.read_bytes_per_second},
         {"long_answer",
          {{"tokens", speed.long_answer.tokens}, {"first", speed.long_answer.first}, {"last", speed.long_answer.last}}},
         {"parallel", parallel},
         {"prefill", speeds_json(speed.prefill)},
         {"depth", speeds_json(speed.depth)}});
  }
  return {{"device", report.device},
          {"walls",
           {{"read_bytes_per_second", report.walls.read_bytes_per_second},
            {"float_flops", report.walls.float_flops},
            {"int8_ops", report.walls.int8_ops}}},
          {"runs", report.plan.runs},
          {"prompt_tokens", report.plan.prompt_tokens},
          {"answer_tokens", report.plan.answer_tokens},
          {"models", models}};
}

}  // namespace nibble::eval
