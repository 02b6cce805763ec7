// Decimal numbers of any size, exactly: what JSON's numbers are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace nibble::grammar {

// 0.DIGITS times 10^point. No zero at either end of the digits; zero has none and is not negative.
struct Decimal {
  bool negative = false;
  std::string digits;
  int point = 0;

  static Decimal parse(std::string_view text);  // as JSON spells it
  static Decimal of(const json::value& number);
  bool is_zero() const { return digits.empty(); }
};

// A regular expression for the ways to spell this number: plain, with zeros behind it, and as d.ddde±x.
std::string spellings(const Decimal& number);

}  // namespace nibble::grammar
