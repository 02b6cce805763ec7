// The regular expressions of `ignore` and `targets` lists: Python's `re.match` for the part of its language
// that names of modules need. A checkpoint brings these patterns, so matching takes time in proportion to
// pattern times name, whatever the pattern (a backtracking engine may take forever on `(.*)*x`).
#pragma once

#include <string_view>

namespace nibble::format {

// True if `pattern` matches a beginning of `name`. Known: literals, ., [...], escapes (\d \w \s, their
// negations, \A, \Z, punctuation), ^ $ | ( ) (?: ) (?= ) (?! ), and * + ? {m,n}, also lazy. Error for
// anything else, for syntax, and for a pattern that is too large.
bool matches_beginning(std::string_view pattern, std::string_view name);

}  // namespace nibble::format
