// A string as Python's source spells it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nibble::chat::turn {

// Where a string with its prefix (r, u, f) begins at `at` of `text`: its value, and `at` behind it. nullopt: there is
// none, it is not closed, it is bytes, it has a {} to be computed, or it names characters (\N{...}).
std::optional<std::string> read_python_string(std::string_view text, std::size_t& at);

}  // namespace nibble::chat::turn
