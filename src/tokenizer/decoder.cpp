#include "tokenizer/decoder.h"

namespace nibble::tokenizer {

void Replacement::apply(std::string& text) const {
  std::size_t at = text.find(pattern);
  if (at == std::string::npos) return;
  std::string result;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(pattern, done)) {
    result.append(text, done, at - done).append(content);
    done = at + pattern.size();
  }
  text = result.append(text, done);
}

std::optional<std::uint8_t> Decoder::byte_of(std::string_view text) const {
  if (!byte_fallback || text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  // The reference reads the two digits with Rust's parser of integers, which takes a plus sign.
  const int high = text[3] == '+' ? 0 : digit(text[3]), low = digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return std::uint8_t(high * 16 + low);
}

void DecodedText::push_text(std::string_view text) {
  append_run(closed_);
  run_.clear();
  state_ = Utf8State();
  closed_.append(text);
}

void DecodedText::push_byte(std::uint8_t byte) {
  run_.push_back(char(byte));
  state_.push(byte);
}

void DecodedText::append_run(std::string& text) const {
  if (state_.complete()) {
    text.append(run_);
  } else {
    for (std::size_t i = 0; i < run_.size(); ++i) text.append(kReplacementCharacter);
  }
}

bool DecodedText::ends_in_replacement() const {
  if (run_.empty()) return closed_.ends_with(kReplacementCharacter);
  return !state_.complete() || run_.ends_with(kReplacementCharacter);
}

std::string DecodedText::str() const {
  std::string text = closed_;
  append_run(text);
  return text;
}

}  // namespace nibble::tokenizer
