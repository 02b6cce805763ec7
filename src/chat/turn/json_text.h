// JSON as text, without a tree: arguments of calls are written as Python's json.dumps(ensure_ascii=False) writes them, and
// numbers keep every digit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nibble::chat::turn {

inline constexpr int kMaxArgumentDepth = 64;  // arrays and objects in one another

void append_json_characters(std::string& out, std::string_view text);  // escaped, without the quotes
void append_json_string(std::string& out, std::string_view text);

// What json.dumps(json.loads(text)) gives: of a key that comes twice the last value stays. nullopt where `text` is no
// JSON, is nested too deeply, or holds a number or half a surrogate pair that JSON has no place for.
std::optional<std::string> canonical_json(std::string_view text);

}  // namespace nibble::chat::turn
