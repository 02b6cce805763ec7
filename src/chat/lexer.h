// A template's text -> tokens, with Jinja's rules for white space: "-" eats it, the first newline behind a block tag is
// dropped, so is indentation before one, and one newline at the very end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/value.h"

namespace nibble::chat {

enum class TokenKind : std::uint8_t {
  kText,
  kPrintBegin,
  kPrintEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,  // text says which
  kEnd,
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  // of a string: with its escapes resolved
  Int integer = 0;
  double real = 0;
};

// `source` opens each message: "chat_template.jinja: line 3: ...".
std::vector<Token> tokenize(std::string_view text, const std::string& source);

// The text with every line break as "\n" and without one at the end: what lines are counted in.
std::string normalize_newlines(std::string_view text);

[[noreturn]] void fail_at(const std::string& source, int line, const std::string& message);

}  // namespace nibble::chat
