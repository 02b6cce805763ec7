// How Gemma writes a call: <|tool_call>call:NAME{key:value,...}<tool_call|>. Keys are bare, strings stand between
// two <|"|> without escapes, there is no white space; all else is as in JSON. The marks are special tokens: their
// text behind a byte that no text has (see TokenTrie::bytes_of).
#pragma once

#include <string_view>

namespace nibble::grammar {

inline constexpr std::string_view kCallOpening = "\xFF<|tool_call>call:";  // and the tool's name
inline constexpr std::string_view kCallClosing = "\xFF<tool_call|>";
inline constexpr std::string_view kQuoteMark = "\xFF<|\"|>";
inline constexpr std::string_view kQuotePattern = "<\\|\"\\|>";
inline constexpr std::string_view kKeyPattern = "[A-Za-z0-9_$.-]+";

}  // namespace nibble::grammar
