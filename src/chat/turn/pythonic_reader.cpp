#include "chat/turn/pythonic_reader.h"

#include <utility>

namespace nibble::chat::turn {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

}  // namespace

std::string PythonicReader::push(std::string_view text) {
  if (state_ == State::kText) return std::string(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    held_ += text[i];
    state_ = read(text[i]);
    if (state_ != State::kText) continue;
    calls_.clear();
    return std::exchange(held_, {}).append(text.substr(i + 1));
  }
  return {};
}

std::string PythonicReader::finish() {
  if (!calls_.empty()) held_.clear();
  return std::exchange(held_, {});
}

PythonicReader::State PythonicReader::read(char c) {
  switch (state_) {
    case State::kOpening: return read_opening(c);
    case State::kCode: return read_code(c);
    case State::kQuoted: return read_quoted(c);
    case State::kComment: return c == '\n' ? State::kCode : State::kComment;
    case State::kBehind: return c == '#' ? State::kRemark : is_space(c) ? State::kBehind : State::kText;
    case State::kRemark: return c == '\n' ? State::kBehind : State::kRemark;
    case State::kText: break;
  }
  return State::kText;
}

PythonicReader::State PythonicReader::read_opening(char c) {
  if (held_.size() == 1) return c == '[' ? State::kOpening : State::kText;
  if (held_.size() == 2) return is_letter(c) ? State::kOpening : State::kText;
  if (is_word(c)) return State::kOpening;
  depth_ = 2;
  return c == '(' ? State::kCode : State::kText;
}

PythonicReader::State PythonicReader::read_code(char c) {
  switch (c) {
    case '[':
    case '(':
    case '{': ++depth_; return State::kCode;
    case ']':
    case ')':
    case '}': {
      if (--depth_ > 0) return State::kCode;
      std::optional<std::vector<PythonicCall>> calls = parse_pythonic_calls(held_);
      if (!calls) return State::kText;
      calls_ = *std::move(calls);
      return State::kBehind;
    }
    case '\'':
    case '"':
      quote_ = c;
      n_quotes_ = 1;
      opened_ = triple_ = escaped_ = false;
      return State::kQuoted;
    case '#': return State::kComment;
    default: return State::kCode;
  }
}

// '', 'x', '''x''': one quote or three open a string, and as many close it.
PythonicReader::State PythonicReader::read_quoted(char c) {
  const bool is_quote = c == quote_ && !escaped_;
  if (!opened_) {
    if (is_quote && ++n_quotes_ < 3) return State::kQuoted;
    opened_ = true;
    triple_ = n_quotes_ == 3;
    if (n_quotes_ == 2) return read_code(c);  // an empty string was closed
    n_quotes_ = 0;
    if (triple_) return State::kQuoted;
  }
  const bool was_escaped = std::exchange(escaped_, c == '\\' && !escaped_);
  if (!is_quote) {
    n_quotes_ = 0;
    return c == '\n' && !triple_ && !was_escaped ? State::kText : State::kQuoted;
  }
  return ++n_quotes_ == (triple_ ? 3 : 1) ? State::kCode : State::kQuoted;
}

}  // namespace nibble::chat::turn
