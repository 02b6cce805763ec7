// Values as text: Python's str() and repr(), and json.dumps().
#pragma once

#include <optional>
#include <string>

#include "chat/value.h"

namespace nibble::chat {

std::string print_integer(Int value);
std::string print_float(double value);  // Python's repr: the shortest text that reads back as the same number

void append_str(TextBuilder& out, const Value& value);
void append_repr(TextBuilder& out, const Value& value);
Value to_str(Heap& heap, const Value& value);      // a string stays itself
std::string repr_for_message(const Value& value);  // cut to a readable length

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
void append_json(TextBuilder& out, const Value& value, const JsonStyle& style);

}  // namespace nibble::chat
