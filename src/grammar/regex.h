// Regular expressions: ECMA-262's with the u flag, as far as an automaton goes. Known: literals, ., classes, escapes
// (\d \w \s and their negations, \t \n \v \f \r \0 \cX \xHH \uHHHH \u{H}, punctuation), ^ $ | ( ) (?: ) (?<name> ), and
// * + ? {m} {m,} {m,n}, also lazy. What is left out (lookaround, back-references, \b, \p{}, flags) is refused by name.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/language.h"

namespace nibble::grammar {

// kSearch: texts in which the pattern is found somewhere, as JSON Schema reads it. kWhole: texts that are a match.
enum class Anchoring { kSearch, kWhole };

// `place` opens the message of an Error.
std::unique_ptr<Language> parse_regex(std::string_view pattern, Anchoring anchoring, std::string_view place,
                                      Budget& budget);

}  // namespace nibble::grammar
