// StopMatcher: see stream.h.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "tokenizer/stream.h"

namespace nibble::tokenizer {

StopMatcher::StopMatcher(const Options& options)
    : include_in_output_(options.include_in_output), min_tokens_(options.min_tokens) {
  for (const std::string& text : options.stops) {
    if (text.empty()) throw Error("stop: a stop string is empty");
    std::vector<std::size_t> border(text.size() + 1, 0);
    for (std::size_t n = 1, length = 0; n < text.size(); ++n) {
      while (length > 0 && text[n] != text[length]) length = border[length];
      if (text[n] == text[length]) ++length;
      border[n + 1] = length;
    }
    stops_.push_back({.text = text, .border = std::move(border)});
  }
}

std::string StopMatcher::push(std::string_view text) {
  check(!matched_, "no token follows a match");
  ++tokens_kept_;
  const bool may_stop = tokens_kept_ > min_tokens_;
  const std::size_t before = held_.size();
  held_.append(text);
  std::size_t longest = 0;  // of the text's ends that begin a stop string
  for (Stop& stop : stops_) {
    for (std::size_t i = before; i < held_.size(); ++i) {
      while (stop.n_matched > 0 && stop.text[stop.n_matched] != held_[i]) stop.n_matched = stop.border[stop.n_matched];
      if (stop.text[stop.n_matched] == held_[i]) ++stop.n_matched;
      if (stop.n_matched < stop.text.size()) continue;
      if (may_stop) {
        matched_ = stop.text;
        held_.resize(include_in_output_ ? i + 1 : i + 1 - stop.text.size());
        return std::exchange(held_, {});
      }
      stop.n_matched = stop.border[stop.n_matched];
    }
    longest = std::max(longest, stop.n_matched);
  }
  const std::size_t certain = include_in_output_ ? held_.size() : held_.size() - longest;
  std::string out = held_.substr(0, certain);
  held_.erase(0, certain);
  return out;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace nibble::tokenizer
