// JSON Schema, draft 2020-12, as a formula of assertions. Every keyword that the draft gives a meaning to is read or
// refused by its name; others are annotations, as the draft says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "grammar/expression.h"
#include "grammar/language.h"

namespace nibble::grammar {

struct Schema {
  struct Node {
    int expression = Expressions::kAlways;
    std::string path;  // "#/properties/a"
  };
  Expressions expressions;
  std::vector<Node> nodes;  // nodes[0] is the root
  std::vector<std::unique_ptr<Language>> languages;
};

// Throws Error: "schema: #/properties/a: ...".
Schema read_schema(const json::value& schema, Budget& budget);

}  // namespace nibble::grammar
