// One call in Gemma 4's notation: `call:NAME{arguments}` between <|tool_call> and <tool_call|>. Checkpoints also write
// `:NAME{...}` and `call:NAME(...)`. What has no name is no call, and is given back as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chat/turn/event.h"
#include "chat/turn/gemma4_arguments.h"

namespace nibble::chat::turn {

class Gemma4Call {
 public:
  // `index`: of the call in its turn. `tools` (or nullptr) outlives it.
  Gemma4Call(int index, const ToolSchemas* tools) : index_(index), tools_(tools) {}

  void push(std::string_view text, Events& out);
  // `end_marker`: <tool_call|>, or empty where the turn ended first.
  void finish(std::string_view end_marker, Events& out);

  std::string take_text();  // text that turned out to be no call

 private:
  enum class State { kPreamble, kName, kArguments, kNameless, kText };

  void read_header(std::string_view text, Events& out);
  void begin(Events& out);
  void become_text();

  int index_;
  const ToolSchemas* tools_;
  State state_ = State::kPreamble;
  std::string preamble_, name_;  // up to the colon; behind it
  std::string text_;
  std::optional<Gemma4Arguments> arguments_;
};

}  // namespace nibble::chat::turn
