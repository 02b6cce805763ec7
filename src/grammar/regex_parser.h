// The text of a regular expression as a tree.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/character_set.h"

namespace nibble::grammar {

struct RegexNode {
  enum class Type { kSequence, kCharacters, kAlternatives, kRepeat, kBegin, kEnd } type = Type::kSequence;
  CharacterSet characters;
  std::vector<RegexNode> children;
  static constexpr std::uint32_t kNoBound = ~0u;
  std::uint32_t min = 0, max = 0;  // kRepeat
};

RegexNode parse_regex_tree(std::string_view pattern, std::string_view place);

}  // namespace nibble::grammar
