#include "chat/turn/python_string.h"

#include "chat/unicode.h"

namespace nibble::chat::turn {
namespace {

constexpr auto npos = std::string_view::npos;

std::optional<char32_t> read_digits(std::string_view text, std::size_t& at, std::size_t n, std::string_view digits) {
  char32_t c = 0;
  for (; n > 0; --n, ++at) {
    if (at >= text.size()) return std::nullopt;
    const char lower = char(text[at] | (text[at] >= 'A' && text[at] <= 'F' ? 0x20 : 0));
    const std::size_t digit = digits.find(lower);
    if (digit == npos) return std::nullopt;
    c = c * char32_t(digits.size()) + char32_t(digit);
  }
  return c;
}

bool append(std::string& out, char32_t c) {
  if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
  char bytes[4];
  out.append(bytes, encode_utf8(c, bytes));
  return true;
}

// `at` stands behind the backslash.
bool read_escape(std::string_view text, std::size_t& at, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef", kOctal = "01234567";
  static constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
  if (at >= text.size()) return false;
  const char c = text[at];
  if (c == '\n') return ++at, true;
  if (const std::size_t found = kFrom.find(c); found != npos) return ++at, out += kTo[found], true;
  if (kOctal.find(c) != npos) {
    std::size_t n = 1;
    while (n < 3 && at + n < text.size() && kOctal.find(text[at + n]) != npos) ++n;
    return append(out, *read_digits(text, at, n, kOctal));
  }
  const std::size_t n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (n == 0) return out += '\\', c != 'N';  // an unknown escape is two characters
  std::optional<char32_t> point = read_digits(text, ++at, n, kHex);
  if (point && *point >= 0xd800 && *point < 0xdc00 && text.substr(at).starts_with("\\u")) {
    at += 2;
    const std::optional<char32_t> low = read_digits(text, at, 4, kHex);
    if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
    point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
  }
  return point && append(out, *point);
}

}  // namespace

std::optional<std::string> read_python_string(std::string_view text, std::size_t& at) {
  const std::size_t n_prefix = text.substr(at, 3).find_first_of("'\"");
  if (n_prefix == npos) return std::nullopt;
  const std::size_t quote = at + n_prefix;
  bool raw = false, formatted = false, plain = false;
  for (; at < quote; ++at) {
    bool& prefix = (text[at] | 0x20) == 'r' ? raw : (text[at] | 0x20) == 'f' ? formatted : plain;
    if (prefix || (&prefix == &plain && (text[at] | 0x20) != 'u')) return std::nullopt;
    prefix = true;
  }
  if (plain && (raw || formatted)) return std::nullopt;

  const std::string_view one = text.substr(at, 1);
  const std::string_view rest = text.substr(at);
  const bool triple = rest.size() >= 3 && rest[1] == one[0] && rest[2] == one[0];
  const std::string_view close = triple ? rest.substr(0, 3) : one;
  at += close.size();
  std::string out;
  while (at < text.size()) {
    if (text.substr(at).starts_with(close)) return at += close.size(), out;
    const char c = text[at];
    if (c == '\n' && !triple) return std::nullopt;
    if (formatted && (c == '{' || c == '}')) {
      if (at + 1 >= text.size() || text[at + 1] != c) return std::nullopt;
      ++at;
    }
    ++at;
    if (c != '\\') {
      out += c;
    } else if (raw) {  // a quote behind a backslash closes nothing, and both stay
      if (at >= text.size()) return std::nullopt;
      (out += c) += text[at++];
    } else if (!read_escape(text, at, out)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace nibble::chat::turn
