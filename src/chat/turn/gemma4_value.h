// A whole value in Gemma 4's notation to JSON: what stands between the brackets of an object or an array.
#pragma once

#include <string>
#include <string_view>

#include "chat/turn/schema_types.h"

namespace nibble::chat::turn {

inline constexpr std::string_view kGap = " ,\n\t";  // what may stand between members

// `key` as written between members; quotes around it are not part of it.
std::string_view key_name(std::string_view key);

// A string or a bare value under its schema; nullptr: a string.
std::string leaf_json(std::string_view text, const json::value* schema, SchemaTypes& types);

// `body` stands behind `bracket`, '{' or '['. `cut`: the closing bracket never came, so the last bare value may be half of
// one and is left out.
struct Nested {
  char bracket;
  std::string_view body;
  bool cut;
};
std::string nested_json(const Nested& nested, const json::value* schema, SchemaTypes& types);

}  // namespace nibble::chat::turn
