#include "grammar/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace nibble::grammar {

Decimal Decimal::parse(std::string_view text) {
  Decimal number;
  if (text.starts_with("-")) {
    number.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  std::string_view mantissa = text.substr(0, e);
  if (e < text.size()) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with("+")) exponent.remove_prefix(1);
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), number.point);
  }
  const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
  number.point += int(dot);
  number.digits = mantissa.substr(0, dot);
  if (dot < mantissa.size()) number.digits += mantissa.substr(dot + 1);
  const std::size_t first = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.digits.erase(0, first);
  number.point -= int(first);
  while (number.digits.ends_with('0')) number.digits.pop_back();
  if (number.is_zero()) number = {};
  return number;
}

Decimal Decimal::of(const json::value& number) {
  if (number.is_int64()) return parse(std::to_string(number.get_int64()));
  if (number.is_uint64()) return parse(std::to_string(number.get_uint64()));
  return parse(fmt::format("{}", number.get_double()));  // the shortest text that reads as this double
}

std::string spellings(const Decimal& number) {
  const std::string sign = number.negative ? "-" : "";
  if (number.is_zero()) return "-?0(\\.0+)?([eE][+-]?[0-9]+)?";
  const std::string& digits = number.digits;
  const int n = int(digits.size());
  std::string integer = "0", fraction;
  if (number.point > 0) {
    integer = digits.substr(0, std::size_t(std::min(number.point, n)));
    integer.append(std::size_t(std::max(0, number.point - n)), '0');
    if (number.point < n) fraction = digits.substr(std::size_t(number.point));
  } else {
    fraction = std::string(std::size_t(-number.point), '0') + digits;
  }
  const auto behind = [](const std::string& part) { return part.empty() ? "(\\.0+)?" : "\\." + part + "0*"; };
  const int exponent = number.point - 1;
  const char* exponent_sign = exponent < 0 ? "-" : exponent == 0 ? "[+-]?" : "\\+?";
  return fmt::format("{}{}{}|{}{}{}[eE]{}0*{}", sign, integer, behind(fraction), sign, digits.substr(0, 1),
                     behind(digits.substr(1)), exponent_sign, std::abs(exponent));
}

}  // namespace nibble::grammar
