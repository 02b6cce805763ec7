// The functions of the language: filters, tests, methods and globals, each one row of a table.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "chat/value.h"

namespace nibble::chat {

class Interpreter;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Value, Value>> named;  // names are strings
};

// After bind(), `positional` has one value a parameter, missing where none was given.
using Call = Value (*)(Interpreter&, const Value& subject, Arguments&);

struct Builtin {
  std::string_view name;
  std::string_view parameters;  // "old new count?": in order, '?' behind the optional ones; "*": any, not bound
  Call call;
};

void bind(const Builtin& builtin, Arguments& arguments);

const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_function(std::string_view name);
const Builtin* find_method(Kind kind, std::string_view name);
// Python has it, this sandbox or this engine has not: the name never reaches the data behind it.
bool is_unsafe_attribute(Kind kind, std::string_view name);

// What a parameter holds, or `fallback` if it is missing; fails if it is of another type.
std::int64_t integer_or(const Value& value, std::int64_t fallback);
bool truth_or(const Value& value, bool fallback);

}  // namespace nibble::chat
