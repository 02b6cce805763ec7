// Numbers as Python's int() and float() read them from text: white space around them, underscores between digits, and
// decimal digits of any script. -> JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nibble::chat::turn {

std::optional<std::string> python_integer(std::string_view text);
// Finite numbers only; a whole one is written without a point.
std::optional<std::string> python_number(std::string_view text);

}  // namespace nibble::chat::turn
