#include "grammar/schema.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "grammar/schema_reader.h"

namespace nibble::grammar {
namespace {

using Kind = Expression::Kind;

// A node that needs itself to be told, with no value between: no automaton could start.
void refuse_cycles(const Schema& schema) {
  enum : char { kNew, kOpen, kDone };
  struct Step {
    int expression;
    std::size_t child;
  };
  std::vector<char> state(std::size_t(schema.expressions.size()), kNew);
  for (const Schema::Node& root : schema.nodes) {
    std::vector<Step> stack = {{root.expression, 0}};
    std::vector<std::string_view> paths = {root.path};
    while (!stack.empty()) {
      Step& step = stack.back();
      const Expression& expression = schema.expressions[step.expression];
      state[std::size_t(step.expression)] = kOpen;
      int child = -1;
      if (expression.kind == Kind::kNot || expression.kind == Kind::kSchema) {
        if (step.child == 0)
          child = expression.kind == Kind::kNot ? expression.a : schema.nodes[std::size_t(expression.a)].expression;
      } else if (expression.kind == Kind::kAll || expression.kind == Kind::kAny || expression.kind == Kind::kOne) {
        if (step.child < expression.children.size()) child = expression.children[step.child];
      }
      if (child < 0) {
        state[std::size_t(step.expression)] = kDone;
        stack.pop_back();
        continue;
      }
      ++step.child;
      if (state[std::size_t(child)] == kOpen)
        throw Error("schema: {}: $ref leads back to itself without a value between", root.path);
      if (state[std::size_t(child)] == kNew) stack.push_back({child, 0});
      if (stack.size() > kLimits.in_place_depth)
        throw Error("schema: {}: $ref, allOf, anyOf, oneOf or not nested too deeply", root.path);
    }
  }
}

std::size_t weight(const json::value& value) {
  std::size_t bytes = 4;
  if (value.is_string()) bytes += value.get_string().size();
  if (value.is_array())
    for (const json::value& item : value.get_array()) bytes += weight(item);
  if (value.is_object())
    for (const auto& [key, member] : value.get_object()) bytes += key.size() + weight(member);
  return bytes;
}

}  // namespace

Schema read_schema(const json::value& schema, Budget& budget) {
  if (weight(schema) > kLimits.schema_bytes) throw Error("schema: larger than {} bytes", kLimits.schema_bytes);
  Schema read = SchemaReader(schema, budget).read();
  refuse_cycles(read);
  return read;
}

}  // namespace nibble::grammar
