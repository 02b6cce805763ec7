// UTF-8 as Unicode defines it: shortest forms only, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nibble::tokenizer {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// Where a sequence of bytes stands when read one byte at a time. A broken one stays broken.
class Utf8State {
 public:
  void push(std::uint8_t byte);
  bool complete() const { return remaining_ == 0 && !broken_; }  // ends on a character
  bool broken() const { return broken_; }

 private:
  int remaining_ = 0;                      // continuation bytes still to come
  std::uint8_t low_ = 0x80, high_ = 0xBF;  // what the next of them may be
  bool broken_ = false;
};

// Offset of the first byte of the first sequence that is no character; nullopt where all of `text` is UTF-8.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// The character at `p` of text known to be valid; moves `p` behind it.
inline char32_t next_character(const char*& p) {
  const auto byte = [&](int i) { return char32_t(std::uint8_t(p[i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return ++p, first;
  if (first < 0xE0) {
    const char32_t c = (first & 0x1F) << 6 | (byte(1) & 0x3F);
    return p += 2, c;
  }
  if (first < 0xF0) {
    const char32_t c = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return p += 3, c;
  }
  const char32_t c = (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return p += 4, c;
}

}  // namespace nibble::tokenizer
