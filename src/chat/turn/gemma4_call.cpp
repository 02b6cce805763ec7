#include "chat/turn/gemma4_call.h"

#include <algorithm>
#include <utility>

#include "chat/turn/marker.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {
namespace {

constexpr std::string_view kOpening = "call:";
// What is in front of the arguments is held back; no caller's function has a name of this length.
constexpr std::size_t kMaxHeaderBytes = 1024;

}  // namespace

void Gemma4Call::push(std::string_view text, Events& out) {
  switch (state_) {
    case State::kPreamble:
    case State::kName: return read_header(text, out);
    case State::kArguments: return append_text(out, EventKind::kArguments, arguments_->push(text), index_);
    case State::kText: text_ += text; return;
    case State::kNameless: return;
  }
}

void Gemma4Call::read_header(std::string_view text, Events& out) {
  if (state_ == State::kPreamble) {
    const std::size_t colon = text.find(':');
    preamble_ += text.substr(0, colon);
    if (colon != std::string_view::npos) {
      state_ = State::kName;
      text.remove_prefix(colon + 1);
    }
  }
  std::size_t bracket = std::string_view::npos;
  if (state_ == State::kName) {
    bracket = text.find_first_of("{(");
    name_ += text.substr(0, bracket);
  }
  if (preamble_.size() + name_.size() > kMaxHeaderBytes) {
    become_text();
    if (bracket != std::string_view::npos) text_ += text.substr(bracket);
    return;
  }
  if (bracket == std::string_view::npos) return;
  begin(out);
  push(text.substr(bracket + 1), out);
}

// A call without a name reaches nobody. The reference drops it, arguments and all.
void Gemma4Call::begin(Events& out) {
  const std::string name(trim(name_));
  if (name.empty()) {
    state_ = State::kNameless;
    return;
  }
  state_ = State::kArguments;
  arguments_.emplace(tools_ != nullptr ? tools_->properties(name) : nullptr);
  out.push_back({EventKind::kCall, name, index_});
}

void Gemma4Call::become_text() {
  text_ = std::string(kCallBegins) + preamble_;
  if (state_ == State::kName) text_ += ':' + name_;
  state_ = State::kText;
}

void Gemma4Call::finish(std::string_view end_marker, Events& out) {
  if (state_ == State::kPreamble) {
    // Nothing, or a turn cut off in `call`, says nothing. Other words between the markers are what the model said.
    const std::string_view said = trim(preamble_);
    if (said.empty() || (end_marker.empty() && kOpening.starts_with(said))) return;
    become_text();
  }
  if (state_ == State::kText) {
    text_ += end_marker;
    return;
  }
  if (state_ == State::kName) begin(out);
  if (state_ != State::kArguments) return;
  append_text(out, EventKind::kArguments, arguments_->finish(), index_);
  out.push_back({EventKind::kCallEnd, "", index_});
}

std::string Gemma4Call::take_text() { return std::exchange(text_, {}); }

}  // namespace nibble::chat::turn
