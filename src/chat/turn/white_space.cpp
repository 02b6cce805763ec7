#include "chat/turn/white_space.h"

#include <utility>

#include "chat/unicode.h"

namespace nibble::chat::turn {

std::string_view trim_end(std::string_view text) {
  while (!text.empty()) {
    const std::size_t last = previous_boundary(text, text.size());
    std::size_t at = last;
    if (!is(next_code_point(text, at), CharClass::kSpace)) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string_view trim_start(std::string_view text) {
  for (std::size_t next = 0; !text.empty(); next = 0) {
    if (!is(next_code_point(text, next), CharClass::kSpace)) break;
    text.remove_prefix(next);
  }
  return text;
}

std::string_view trim(std::string_view text) { return trim_start(trim_end(text)); }

std::string HeldSpace::push(std::string_view text) {
  const std::string_view certain = trim_end(text);
  if (certain.empty()) {
    held_ += text;
    return {};
  }
  std::string out = std::exchange(held_, std::string(text.substr(certain.size())));
  return out.append(certain);
}

std::string HeldSpace::take() { return std::exchange(held_, {}); }

}  // namespace nibble::chat::turn
