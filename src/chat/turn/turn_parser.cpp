#include "chat/turn/turn_parser.h"

#include <utility>

namespace nibble::chat::turn {
namespace {

constexpr std::string_view kLabelWord = "thought", kLabel = "thought\n";

bool may_become_label(std::string_view text) { return text.size() < kLabel.size() && kLabel.starts_with(text); }

// The tokens that structure a turn are text where they have nothing to structure; all others say nothing.
bool has_text(std::string_view token) {
  return token == kThoughtBegins || token == kThoughtEnds || token == kCallBegins || token == kCallEnds ||
         token == kQuote;
}

}  // namespace

TurnParser::TurnParser(const TurnOptions& options)
    : options_(options),
      state_(!options.reasoning   ? State::kContent
             : options.in_thought ? State::kThought
                                  : State::kStart) {
  if (options.calls == CallForm::kPythonic && !options.report_calls) options_.calls = CallForm::kNone;
}

Events TurnParser::push(std::string_view text, bool special) {
  if (special) {
    marker(text);
  } else {
    ordinary(text);
  }
  return std::exchange(events_, {});
}

Events TurnParser::finish() {
  if (state_ == State::kStart) leave_start();
  if (state_ == State::kThought) leave_thought();
  if (state_ == State::kCall) end_call("");
  if (options_.calls == CallForm::kPythonic) {
    say(pythonic_.finish());
    for (const PythonicCall& call : pythonic_.calls()) {
      if (n_calls_ == options_.max_calls) break;
      const int index = int(n_calls_++);
      events_.push_back({EventKind::kCall, call.name, index});
      events_.push_back({EventKind::kArguments, call.arguments, index});
      events_.push_back({EventKind::kCallEnd, "", index});
    }
  }
  if (n_calls_ == 0) append_text(events_, EventKind::kContent, content_space_.take());
  return std::exchange(events_, {});
}

void TurnParser::ordinary(std::string_view text) {
  switch (state_) {
    case State::kStart: return start(text);
    case State::kContent: return content(text);
    case State::kThought: return reasoning(text);
    case State::kCall: return call(text);
  }
}

void TurnParser::marker(std::string_view token) {
  if (state_ == State::kStart) leave_start();
  if (state_ == State::kCall) {
    if (token == kCallEnds) return end_call(token);
    if (has_text(token)) call(token);
    return;
  }
  if (options_.reasoning && token == kThoughtBegins) {
    state_ = State::kThought;
    return;
  }
  if (state_ == State::kThought && (token == kThoughtEnds || token == kCallBegins)) leave_thought();
  if (options_.reasoning && token == kThoughtEnds) return;
  if (options_.calls == CallForm::kGemma4) {
    if (token == kCallBegins) return begin_call();
    if (token == kCallEnds && state_ == State::kContent) return;
  }
  if (has_text(token)) ordinary(token);
}

// At times a model leaves out the marker and begins with the label.
void TurnParser::start(std::string_view text) {
  label_ += text;
  if (!may_become_label(label_)) leave_start();
}

void TurnParser::leave_start() {
  state_ = label_ == kLabelWord || label_.starts_with(kLabel) ? State::kThought : State::kContent;
  ordinary(std::exchange(label_, {}));
}

void TurnParser::reasoning(std::string_view text) {
  std::string with_label;
  if (!label_read_) {
    label_ += text;
    if (may_become_label(label_)) return;
    label_read_ = true;
    text = with_label = std::exchange(label_, {});
    if (text.starts_with(kLabel)) text.remove_prefix(kLabel.size());
  }
  append_text(events_, EventKind::kReasoning, reasoning_space_.push(text));
}

void TurnParser::leave_thought() {
  if (!label_.empty()) {
    label_read_ = true;
    const std::string text = std::exchange(label_, {});
    if (text != kLabelWord) reasoning(text);
  }
  state_ = State::kContent;
}

void TurnParser::content(std::string_view text) {
  if (options_.calls == CallForm::kPythonic) return say(pythonic_.push(text));
  // What a model says behind its calls is not delivered, nor is it by the reference.
  if (n_calls_ == 0) say(text);
}

// White space in front of a call is not content, so where calls may come it waits for what follows.
void TurnParser::say(std::string_view text) {
  const bool waits = options_.calls != CallForm::kNone;
  append_text(events_, EventKind::kContent, waits ? content_space_.push(text) : std::string(text));
}

void TurnParser::begin_call() {
  state_ = State::kCall;
  call_.emplace(int(n_calls_), options_.tools);
}

void TurnParser::call(std::string_view text) {
  call_->push(text, call_events_);
  after_call_step();
}

void TurnParser::end_call(std::string_view end_marker) {
  call_->finish(end_marker, call_events_);
  after_call_step();
  state_ = State::kContent;
}

void TurnParser::after_call_step() {
  const bool wanted = options_.report_calls && n_calls_ < options_.max_calls;
  for (Event& event : std::exchange(call_events_, {})) {
    if (!wanted) continue;
    if (event.kind == EventKind::kCall) content_space_.drop();
    if (event.kind == EventKind::kCallEnd) ++n_calls_;
    events_.push_back(std::move(event));
  }
  say(call_->take_text());
}

}  // namespace nibble::chat::turn
