// Characters as Python's str sees them: code points of UTF-8, their classes and their cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nibble::chat {

// Reads the code point at `at` and moves behind it. The text is valid UTF-8 (checked where text comes in).
char32_t next_code_point(std::string_view text, std::size_t& at);
std::size_t previous_boundary(std::string_view text, std::size_t at);  // start of the character that ends at `at`
std::size_t encode_utf8(char32_t c, char (&out)[4]);                   // bytes used
std::size_t count_code_points(std::string_view text);
// The byte where code point number `index` starts; the size of the text if there are not that many.
std::size_t byte_of_code_point(std::string_view text, std::size_t index);
// Offset of the first byte that is not UTF-8, or npos. Surrogates and overlong forms are not UTF-8.
std::size_t find_invalid_utf8(std::string_view text);

enum class CharClass : std::uint8_t {
  kSpace,
  kAlpha,
  kDecimal,
  kDigit,
  kNumeric,
  kAlphanumeric,
  kUpper,
  kLower,
  kTitle,
  kPrintable,
  kLineBreak,
  kCaseIgnorable,
};
bool is(char32_t c, CharClass wanted);

enum class Case : std::uint8_t { kUpper, kLower, kTitle, kFold };
struct Cased {
  char32_t points[3];
  int count;
};
Cased to_case(char32_t c, Case target);

}  // namespace nibble::chat
