#include "chat/turn/gemma4_arguments.h"

#include <algorithm>
#include <utility>

#include "chat/turn/gemma4_value.h"
#include "chat/turn/json_text.h"
#include "chat/turn/marker.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {
namespace {

constexpr auto npos = std::string_view::npos;

bool may_become_quote(std::string_view text) { return text.size() < kQuote.size() && kQuote.starts_with(text); }

}  // namespace

std::string Gemma4Arguments::push(std::string_view text) {
  n_open_ += std::count(text.begin(), text.end(), '(');
  n_close_ += std::count(text.begin(), text.end(), ')');
  if (!begun_) text = trim_start(text);
  const std::string_view body = trim_end(text);
  if (body.empty()) {
    tail_ += text;
    return {};
  }
  begun_ = true;
  const std::size_t n_certain = body.size() - (body.back() == '}' || body.back() == ')' ? 1 : 0);
  consume(std::exchange(tail_, std::string(text.substr(n_certain))));
  consume(text.substr(0, n_certain));
  return std::exchange(out_, {});
}

std::string Gemma4Arguments::finish() {
  // One bracket at the end is the call's; a parenthesis only where it closes more than was opened.
  const bool closes = tail_.starts_with('}') || (tail_.starts_with(')') && n_open_ < n_close_);
  if (!closes) consume(trim_end(tail_));
  const std::string rest = std::exchange(unread_, {});  // no <|"|> after all
  if (state_ == State::kBeforeValue && !rest.empty()) state_ = State::kBare;
  switch (state_) {
    case State::kBeforeValue: end_member(leaf_json("", schema(), types_)); break;
    case State::kString:
      if (streams_) {
        append_json_characters(out_, rest);
        out_ += '"';
        break;
      }
      [[fallthrough]];
    case State::kBare: {
      value_ += rest;
      const std::string_view text = state_ == State::kBare ? trim(value_) : std::string_view(value_);
      end_member(leaf_json(text, schema(), types_));
      break;
    }
    case State::kNested: end_member(nested_json({bracket_, value_ += rest, true}, schema(), types_)); break;
    case State::kBetween:
    case State::kKey:
    case State::kRefused: break;
  }
  if (!any_member_) out_ += '{';
  out_ += '}';
  return std::exchange(out_, {});
}

void Gemma4Arguments::consume(std::string_view text) {
  std::string joined;
  if (!unread_.empty()) {
    joined = std::exchange(unread_, {}).append(text);
    text = joined;
  }
  while (!text.empty()) {
    const std::size_t n = step(text);
    if (n == 0) {
      unread_ = text;
      return;
    }
    text.remove_prefix(n);
  }
}

std::size_t Gemma4Arguments::step(std::string_view text) {
  switch (state_) {
    case State::kBetween: return read_between(text);
    case State::kKey: return read_key(text);
    case State::kBeforeValue: return begin_value(text);
    case State::kString: return read_string(text);
    case State::kNested: return read_nested(text);
    case State::kBare: return read_bare(text);
    case State::kRefused: break;
  }
  return text.size();
}

std::size_t Gemma4Arguments::read_between(std::string_view text) {
  const std::size_t n = std::min(text.find_first_not_of(kGap), text.size());
  if (n > 0) return n;
  state_ = State::kKey;
  key_.clear();
  return read_key(text);
}

std::size_t Gemma4Arguments::read_key(std::string_view text) {
  const std::size_t colon = text.find(':');
  key_ += text.substr(0, colon);
  if (colon == npos) return text.size();
  key_ = std::string(key_name(key_));
  state_ = State::kBeforeValue;
  return colon + 1;
}

std::size_t Gemma4Arguments::begin_value(std::string_view text) {
  const std::size_t n_space = std::min(text.find_first_not_of(" \n\t"), text.size());
  if (n_space > 0) return n_space;
  value_.clear();
  if (text.starts_with(kQuote)) {
    state_ = State::kString;
    const json::value* rule = schema();
    streams_ = rule == nullptr || !rule->is_object() || types_.of(*rule).only_string();
    if (streams_) begin_member(), out_ += '"';
    return kQuote.size();
  }
  if (may_become_quote(text)) return 0;
  if (text.front() == '{' || text.front() == '[') {
    state_ = State::kNested;
    bracket_ = text.front();
    depth_ = 1;
    in_string_ = false;
    return 1;
  }
  if (std::string_view(",}]").find(text.front()) == npos) {
    state_ = State::kBare;
    return read_bare(text);
  }
  state_ = State::kRefused;  // no value at all: the reference reads no further
  return text.size();
}

std::size_t Gemma4Arguments::read_string(std::string_view text) {
  const std::size_t n = std::min(text.find('<'), text.size());
  const bool ends = text.substr(n).starts_with(kQuote);
  if (n == 0 && !ends && may_become_quote(text)) return 0;
  const std::size_t n_text = n > 0 || ends ? n : 1;  // a '<' like any other
  if (streams_) {
    append_json_characters(out_, text.substr(0, n_text));
  } else {
    value_ += text.substr(0, n_text);
  }
  if (!ends) return n_text;
  if (streams_) {
    out_ += '"';
  } else {
    end_member(leaf_json(value_, schema(), types_));
  }
  state_ = State::kBetween;
  return n + kQuote.size();
}

std::size_t Gemma4Arguments::read_nested(std::string_view text) {
  const char closing = bracket_ == '{' ? '}' : ']';
  const char wanted[] = {'<', bracket_, closing};
  const std::size_t n = std::min(text.find_first_of(std::string_view(wanted, in_string_ ? 1 : 3)), text.size());
  if (n > 0) {
    value_ += text.substr(0, n);
    return n;
  }
  if (text.starts_with(kQuote)) {
    in_string_ = !in_string_;
    value_ += kQuote;
    return kQuote.size();
  }
  if (may_become_quote(text)) return 0;
  if (text.front() == bracket_) ++depth_;
  if (text.front() == closing && --depth_ == 0) {
    end_member(nested_json({bracket_, value_, false}, schema(), types_));
    state_ = State::kBetween;
  } else {
    value_ += text.front();
  }
  return 1;
}

std::size_t Gemma4Arguments::read_bare(std::string_view text) {
  const std::size_t end = text.find_first_of(",}]");
  value_ += text.substr(0, end);
  if (end == npos) return text.size();
  end_member(leaf_json(trim(value_), schema(), types_));
  state_ = State::kBetween;
  return end > 0 ? end : read_between(text);
}

void Gemma4Arguments::begin_member() {
  out_ += std::exchange(any_member_, true) ? ", " : "{";
  append_json_string(out_, key_);
  out_ += ": ";
}

void Gemma4Arguments::end_member(const std::string& json) {
  begin_member();
  out_ += json;
}

const json::value* Gemma4Arguments::schema() const {
  return properties_ != nullptr ? properties_->if_contains(key_) : nullptr;
}

}  // namespace nibble::chat::turn
