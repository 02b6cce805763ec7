// The values of `format` that are checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nibble::grammar {

// A regular expression for the whole text; nullopt for a format that is not known, which the draft makes an annotation.
std::optional<std::string> format_pattern(std::string_view format);

}  // namespace nibble::grammar
