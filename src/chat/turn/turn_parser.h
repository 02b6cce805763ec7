// One turn of the model, token by token, to what an API delivers: content, reasoning and calls of functions. Special
// tokens are told apart by the caller: only they are control, the same words spelled out are text.
//
//   <|channel>thought\n ... <channel|>     reasoning, its label and the white space at its end left out
//   <|tool_call>call:NAME{...}<tool_call|> a call; it also ends a thought
//
// The events, joined, are the same however the text was cut into pieces. Work is linear in the text.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "chat/turn/event.h"
#include "chat/turn/gemma4_call.h"
#include "chat/turn/marker.h"
#include "chat/turn/pythonic_reader.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {

enum class CallForm { kNone, kGemma4, kPythonic };

struct TurnOptions {
  CallForm calls = CallForm::kNone;
  bool reasoning = true;     // false: channels are content, markers and all
  bool report_calls = true;  // false: nobody asked for calls, so they are left out
  std::size_t max_calls = std::numeric_limits<std::size_t>::max();  // those behind are left out
  const ToolSchemas* tools = nullptr;                               // outlives the parser
  bool in_thought = false;                                          // the prompt ends in an open channel
};

class TurnParser {
 public:
  explicit TurnParser(const TurnOptions& options);

  // `text` is whole characters of ordinary text, or one special token.
  Events push(std::string_view text, bool special);
  Events push(const Piece& piece) { return push(piece.text, piece.special); }
  Events finish();

 private:
  enum class State { kStart, kContent, kThought, kCall };

  void ordinary(std::string_view text);
  void marker(std::string_view token);
  void start(std::string_view text);
  void leave_start();
  void reasoning(std::string_view text);
  void leave_thought();
  void content(std::string_view text);
  void say(std::string_view text);
  void begin_call();
  void call(std::string_view text);
  void end_call(std::string_view end_marker);
  void after_call_step();

  TurnOptions options_;
  State state_;
  Events events_;
  std::string label_;        // what may be a thought's label
  bool label_read_ = false;  // the first thought's, the only one that has one
  HeldSpace content_space_, reasoning_space_;
  std::optional<Gemma4Call> call_;
  Events call_events_;       // of the last step
  std::size_t n_calls_ = 0;  // reported
  PythonicReader pythonic_;
};

}  // namespace nibble::chat::turn
