// Values that a template can call.
#pragma once

#include <string>

#include "chat/ast.h"
#include "chat/builtin.h"

namespace nibble::chat {

struct Scope;

struct Macro : Object {
  const MacroCode* code = nullptr;
  Scope* scope = nullptr;  // where it was defined; kept until the rendering ends
};

struct Function : Object {
  const Builtin* builtin = nullptr;
};

struct Method : Object {
  const Builtin* builtin = nullptr;
  Value self;
};

struct Loop : Object {
  const Stmt* statement = nullptr;
  Scope* scope = nullptr;  // around the loop
  Value items;             // a list or tuple
  std::size_t index = 0;
  int level = 0;  // of a recursive loop
  Value changed;  // what loop.changed() saw last: a tuple
};

std::string describe_callable(const Value& value);  // in place of Python's repr, which tells addresses

}  // namespace nibble::chat
