#include "chat/turn/numbers.h"

#include <cmath>
#include <cstdlib>

#include "chat/print.h"
#include "chat/turn/white_space.h"
#include "chat/unicode.h"

namespace nibble::chat::turn {
namespace {

constexpr std::size_t kMaxIntegerDigits = 4300;  // more are an error in Python, too

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Unicode's decimal digits stand in tens, from zero to nine.
char ascii_digit(char32_t c) {
  int before = 0;
  while (is(c - 1 - char32_t(before), CharClass::kDecimal)) ++before;
  return char('0' + before % 10);
}

// ASCII digits for those of other scripts, no underscores between digits. nullopt: other characters of other scripts,
// underscores in other places.
std::optional<std::string> plain(std::string_view text) {
  std::string out;
  bool underscore = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == '_') {
      if (underscore || out.empty() || !is_digit(out.back())) return std::nullopt;
      underscore = true;
      continue;
    }
    char next = char(c);
    if (c >= 0x80) {
      if (!is(c, CharClass::kDecimal)) return std::nullopt;
      next = ascii_digit(c);
    }
    if (underscore && !is_digit(next)) return std::nullopt;
    underscore = false;
    out += next;
  }
  if (underscore) return std::nullopt;
  return out;
}

std::size_t count_digits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n;
}

// [sign] digits [. digits] [e [sign] digits], a digit on one side of the point at least.
bool is_real(std::string_view text) {
  const auto skip_sign = [&] {
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  };
  skip_sign();
  std::size_t n_digits = count_digits(text);
  text.remove_prefix(n_digits);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t n_behind = count_digits(text);
    text.remove_prefix(n_behind);
    n_digits += n_behind;
  }
  if (n_digits == 0) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    skip_sign();
    const std::size_t n_exponent = count_digits(text);
    if (n_exponent == 0) return false;
    text.remove_prefix(n_exponent);
  }
  return text.empty();
}

}  // namespace

std::optional<std::string> python_integer(std::string_view text) {
  const std::optional<std::string> number = plain(trim(text));
  if (!number) return std::nullopt;
  std::string_view digits = *number;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || count_digits(digits) != digits.size() || digits.size() > kMaxIntegerDigits) return std::nullopt;
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return (negative && digits != "0" ? "-" : "") + std::string(digits);
}

std::optional<std::string> python_number(std::string_view text) {
  const std::optional<std::string> number = plain(trim(text));
  if (!number || !is_real(*number)) return std::nullopt;
  const double value = std::strtod(number->c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  if (value == 0) return "0";
  return value == std::trunc(value) ? fmt::format("{:.0f}", value) : print_float(value);
}

}  // namespace nibble::chat::turn
