// A conversation with a model: text in, text out. Turns are rendered by the chat template, and the KV of earlier ones is
// reused as far as the new prompt repeats them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/answer_reader.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"

namespace nibble::cli {

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string system, chat_template;  // empty: none; the model's own
  bool enable_thinking = false;
  bool raw = false;  // the text itself is the prompt, and each turn stands alone
};

struct AnswerStats {
  std::size_t n_prompt = 0, n_cached = 0, n_new = 0;
  double first_seconds = 0, decode_seconds = 0;  // to the first token; from there on
  std::string_view end;                          // "stop", "length", "interrupted"

  std::string text() const;  // one line
};

class ChatSession {
 public:
  // Loads everything; whatever can be wrong with the options is found before the weights are read.
  explicit ChatSession(const ChatOptions& options);
  ~ChatSession();

  using OnText = std::function<void(const Said& said)>;
  // Answers one turn. `stop` is asked after every step and ends the answer early; what was said by then is part of the
  // conversation. An Error leaves the conversation as it was before the turn.
  AnswerStats answer(const std::string& user_text, const OnText& on_text, const std::function<bool()>& stop);

  void set_system(std::string text);  // and begins anew
  const std::string& system() const;
  void clear();
  std::string describe() const;  // context and cache in one line

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nibble::cli
