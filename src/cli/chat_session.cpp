#include "cli/chat_session.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/chat_prompt.h"
#include "engine/engine.h"
#include "tokenizer/utf8.h"

namespace nibble::cli {
namespace {

constexpr int kDefaultContext = 8192, kBatchRows = 256;

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

void check_utf8(std::string_view what, std::string_view text) {
  if (const std::optional<std::size_t> at = tokenizer::find_invalid_utf8(text))
    throw Error("{} is not UTF-8: byte {} is 0x{:02x}", what, *at, std::uint8_t(text[*at]));
}

}  // namespace

std::string AnswerStats::text() const {
  // The first token comes out of the prompt's last step, so decoding made the others.
  const std::size_t n_decoded = n_new > 0 ? n_new - 1 : 0;
  const std::string rate =
      n_decoded > 0 && decode_seconds > 0 ? fmt::format("{:.1f}", double(n_decoded) / decode_seconds) : "-";
  const std::string first = n_new > 0 ? fmt::format("{:.3f}", first_seconds) : "-";
  return fmt::format("prompt {} tokens ({} cached), answer {} tokens, first token after {} s, decode {} tok/s, {}",
                     n_prompt, n_cached, n_new, first, rate, end);
}

struct ChatSession::State {
  explicit State(const ChatOptions& chat_options)
      : options(chat_options),
        device(make_device(options.model)),
        config(load_config(options.model)),
        generation(engine::load_generation_config(options.model.directory, config.text.n_vocab, config.eos_token_ids)),
        params(sampling_params(options.sampling, generation.defaults, config.text.n_vocab)),
        max_model_len(context_length(options.model, config.text, kDefaultContext)),
        tokenizer(tokenizer::Tokenizer::load(options.model.directory)) {
    if (!options.raw)
      prompt.emplace(
          options.model.directory,
          ChatPrompt::Options{.template_file = options.chat_template, .enable_thinking = options.enable_thinking},
          tokenizer);
    set_system(options.system);
    weights = load_weights(options.model, *device);
    engine.emplace(*device, weights, generation.eos_token_ids,
                   engine::EngineLimits{.max_model_len = max_model_len, .max_batch_rows = kBatchRows});
    spdlog::info("context of {} tokens, {:.0f} MB of KV cache", max_model_len, double(engine->kv_bytes()) / 1e6);
  }

  void set_system(std::string text) {
    check_utf8("the system text", text);
    system = std::move(text);
    begin_anew();
  }
  void begin_anew() {
    messages.clear();
    n_context = 0;
    if (!system.empty()) messages.push_back(json::object{{"role", "system"}, {"content", system}});
  }
  std::vector<int> prompt_ids(const json::array& turns, const std::string& user_text) const;

  ChatOptions options;
  std::unique_ptr<device::Device> device;
  format::Gemma4Config config;
  engine::GenerationConfig generation;
  engine::SamplingParams params;
  int max_model_len;
  tokenizer::Tokenizer tokenizer;
  std::optional<ChatPrompt> prompt;  // not with --raw
  model::Weights weights;
  std::optional<engine::Engine> engine;
  std::string system;
  json::array messages;       // for the template: {"role", "content"}
  std::size_t n_context = 0;  // tokens of the last prompt and answer
};

std::vector<int> ChatSession::State::prompt_ids(const json::array& turns, const std::string& user_text) const {
  if (prompt) return prompt->ids(turns);
  std::vector<int> ids(tokenizer.prefix().begin(), tokenizer.prefix().end());
  const std::vector<int> text = tokenizer.encode(user_text, true);
  ids.insert(ids.end(), text.begin(), text.end());
  return ids;
}

ChatSession::ChatSession(const ChatOptions& options) : state_(std::make_unique<State>(options)) {}
ChatSession::~ChatSession() = default;

void ChatSession::set_system(std::string text) { state_->set_system(std::move(text)); }
const std::string& ChatSession::system() const { return state_->system; }
void ChatSession::clear() { state_->begin_anew(); }

std::string ChatSession::describe() const {
  return fmt::format("context: {} of {} tokens in use, {:.0f} MB of KV cache", state_->n_context, state_->max_model_len,
                     double(state_->engine->kv_bytes()) / 1e6);
}

AnswerStats ChatSession::answer(const std::string& user_text, const OnText& on_text,
                                const std::function<bool()>& stop) {
  State& state = *state_;
  const Clock::time_point start = Clock::now();
  check_utf8("the prompt", user_text);
  json::array turns = state.messages;
  turns.push_back(json::object{{"role", "user"}, {"content", user_text}});
  engine::Request request{.prompt_ids = state.prompt_ids(turns, user_text), .params = state.params, .keep_cache = true};
  AnswerStats stats{.n_prompt = request.prompt_ids.size()};
  AnswerReader reader(state.tokenizer, state.params.stop);
  std::string content;  // of the answer, for the turns to come: thoughts are not repeated
  const auto say = [&](const Said& said) {
    content += said.answer;
    on_text(said);
  };

  Clock::time_point first = start;
  const engine::RequestId id = state.engine->submit(std::move(request));
  try {
    while (stats.end.empty()) {
      for (const engine::Event& event : state.engine->step()) {
        if (event.finish == engine::FinishReason::kError) throw Error("{}", event.error);
        if (stats.n_new++ == 0) first = Clock::now();
        stats.n_cached = event.n_cached;
        // The token that ends a turn is the template's to write.
        if (event.finish != engine::FinishReason::kStop) say(reader.push(event.token->id));
        if (event.finish) stats.end = name_of(*event.finish);
        if (reader.stopped()) stats.end = "stop";
      }
      if (stats.end.empty() && stop()) stats.end = "interrupted";
    }
    say(reader.finish());
  } catch (...) {
    state.engine->cancel(id);
    throw;
  }
  state.engine->cancel(id);  // where a stop string or the user ended it
  stats.first_seconds = seconds_between(start, first);
  stats.decode_seconds = seconds_between(first, Clock::now());
  state.n_context = stats.n_prompt + stats.n_new;
  if (content.empty() && stats.end == "interrupted") return stats;
  turns.push_back(json::object{{"role", "assistant"}, {"content", content}});
  state.messages = std::move(turns);
  return stats;
}

}  // namespace nibble::cli
