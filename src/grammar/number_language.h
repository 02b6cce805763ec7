// Sets of numbers as languages over the characters that JSON spells numbers with. They read what follows that spelling
// (the syntax itself is one more language), and hold exactly: no floating-point number is involved.
//
// They follow an exponent behind one digit before the point, as programs print it: 1.5e-07. The decimal point of 1500e-10
// may lie anywhere, which no automaton can follow; a demand on numbers comes with a syntax that leaves such spellings out.
#pragma once

#include <memory>
#include <vector>

#include "grammar/decimal.h"
#include "grammar/language.h"

namespace nibble::grammar {

inline constexpr const char* kNumberSyntax = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?";
// Without exponent, or with one behind one digit (and at most 24 behind the point), or behind zero.
inline constexpr const char* kOneDigitBeforeExponent =
    "-?(0|[1-9][0-9]*)(\\.[0-9]+)?|-?([1-9](\\.[0-9]{1,24})?|0(\\.0+)?)[eE][+-]?[0-9]+";
inline constexpr const char* kZeroBeforeExponent = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?|-?0(\\.0+)?[eE][+-]?[0-9]+";
inline constexpr const char* kPlainNumber = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?";
inline constexpr const char* kShortestNumber = "-?(0|[1-9][0-9]*)(\\.[0-9]*[1-9])?";

// Label 1, 2, 3: numbers below, equal to, above the bound.
enum Order { kLess = 1, kEqual = 2, kGreater = 3 };
std::unique_ptr<Language> compare_with(const Decimal& bound);

std::unique_ptr<Language> integers();
std::unique_ptr<Language> listed_numbers(const std::vector<Decimal>& numbers, Budget& budget);

// Follows an exponent behind zero only. `place` opens the message of an Error.
std::unique_ptr<Language> multiples_of(const Decimal& divisor, std::string_view place);

}  // namespace nibble::grammar
