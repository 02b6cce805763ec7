#include "engine/engine.h"

#include <algorithm>
#include <random>

#include "base/check.h"

namespace nibble::engine {
namespace {

constexpr std::int64_t kMaxPositions = std::int64_t{1} << 30;  // block and slot numbers are ints

EngineLimits checked(const EngineLimits& limits, const format::TextConfig& config) {
  if (limits.max_model_len < 2 || limits.max_model_len > config.max_positions)
    throw Error("the context must be from 2 to {} tokens, as long as the model's positions reach; {} was asked for",
                config.max_positions, limits.max_model_len);
  if (limits.max_sequences < 1 || limits.max_batch_rows < limits.max_sequences)
    throw Error("a step of {} rows cannot serve {} sequences", limits.max_batch_rows, limits.max_sequences);
  if (std::int64_t{limits.max_sequences} * limits.max_model_len > kMaxPositions)
    throw Error("{} sequences of {} tokens are more than {} positions", limits.max_sequences, limits.max_model_len,
                kMaxPositions);
  return limits;
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

bool contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kError: return "error";
  }
  return "";
}

Engine::Engine(device::Device& device, const model::Weights& weights, std::vector<int> eos_token_ids,
               const EngineLimits& limits)
    : device_(device),
      limits_(checked(limits, weights.config.text)),
      eos_token_ids_(std::move(eos_token_ids)),
      model_(device, weights, limits.max_batch_rows),
      cache_(device, weights.config.text,
             {.max_sequences = limits.max_sequences,
              .max_positions = limits.max_model_len,
              .max_batch_rows = limits.max_batch_rows,
              .pool_positions = limits.pool_positions}),
      scheduler_(cache_, limits.max_batch_rows),
      logits_(std::size_t(weights.config.text.n_vocab)) {}

RequestId Engine::submit(Request request) {
  validate(request.params, n_vocab());
  validate_prompt(request.prompt_ids, n_vocab(), limits_.max_model_len);
  const std::size_t n_prompt = request.prompt_ids.size();
  const std::size_t room = std::size_t(limits_.max_model_len) - n_prompt;
  const std::size_t n_new = std::min(room, std::size_t(request.params.max_new_tokens.value_or(std::int64_t(room))));
  auto sequence = std::make_unique<Sequence>(std::move(request));
  sequence->id = ++last_id_;
  sequence->max_length = n_prompt + n_new;
  sequence->seed = sequence->params.seed ? *sequence->params.seed : random_seed();
  scheduler_.add(std::move(sequence));
  return last_id_;
}

bool Engine::cancel(RequestId id) { return scheduler_.finish(id); }

std::vector<Event> Engine::step() {
  std::vector<Event> events;
  Batch batch = scheduler_.next();
  check(!batch.rows.empty() || idle(), "the first of those that wait fits once nobody runs");
  if (batch.rows.empty()) return events;
  for (std::size_t i = 0, wanting = 0; i < batch.rows.size(); ++i) {
    if (!batch.rows[i].wants_logits) continue;
    const Sequence& sequence = *batch.wanting[wanting++];
    batch.rows[i].largest = logits_needed(sequence.params, sequence.counts);
  }
  device::Array logits;
  try {
    logits = model_.step(batch.rows, cache_);
  } catch (const std::exception& error) {
    fail(batch, error.what(), events);
    return events;
  }
  scheduler_.computed(batch);
  for (std::size_t i = 0; i < batch.wanting.size(); ++i) {
    Sequence& sequence = *batch.wanting[i];
    Event event = take_token(sequence, {logits.row(int(i)), 1, logits.cols, logits.stride});
    if (event.finish == FinishReason::kError)
      scheduler_.discard(sequence.id);
    else if (event.finish)
      scheduler_.finish(sequence.id);
    events.push_back(std::move(event));
  }
  return events;
}

Event Engine::take_token(Sequence& sequence, device::Array logits) {
  Event event{.id = sequence.id, .n_cached = sequence.n_cached};
  const SamplingParams& params = sequence.params;
  try {
    device_.read(logits, logits_);
    event.token = sampler_.sample(params, sequence.seed, int(sequence.tokens.size()), sequence.counts, logits_);
  } catch (const std::exception& error) {
    event.finish = FinishReason::kError;
    event.error = error.what();
    return event;
  }
  const int token = event.token->id;
  sequence.tokens.push_back(token);
  sequence.counts.add_output(token);
  const bool eos = !params.ignore_eos && contains(eos_token_ids_, token);
  if (eos || contains(params.stop_token_ids, token))
    event.finish = FinishReason::kStop;
  else if (sequence.tokens.size() == sequence.max_length)
    event.finish = FinishReason::kLength;
  return event;
}

void Engine::fail(const Batch& batch, const std::string& why, std::vector<Event>& events) {
  for (const Batch::Part& part : batch.parts) {
    const RequestId id = part.sequence->id;
    scheduler_.discard(id);
    events.push_back({.id = id, .finish = FinishReason::kError, .error = why});
  }
}

}  // namespace nibble::engine
