// What unevaluatedProperties and unevaluatedItems leave: known where no alternative decides what was evaluated.
#include <algorithm>

#include "base/error.h"
#include "grammar/schema_reader.h"

namespace nibble::grammar {

using Kind = Expression::Kind;

void SchemaReader::read_unevaluated(const Place& at, std::vector<int>& parts) {
  if (const json::value* value = at.find("unevaluatedProperties")) {
    const int rest = expressions().negation(evaluated_keys(at, false, 0));
    const int schema = subschema(*value, at.path + "/unevaluatedProperties");
    parts.push_back(add({.kind = Kind::kEveryMember, .a = rest, .b = schema}));
  }
  if (const json::value* value = at.find("unevaluatedItems")) {
    const int n = evaluated_items(at, false, 0);
    const int schema = subschema(*value, at.path + "/unevaluatedItems");
    if (n >= 0) parts.push_back(add({.kind = Kind::kItemsFrom, .a = schema, .n = std::uint32_t(n)}));
  }
}

// Calls visit(place) for each schema that `at` applies in place and that always holds with it.
void SchemaReader::for_each_in_place(const Place& at, std::string_view keyword, FunctionRef<void(const Place&)> visit) {
  for (const char* alternative : {"anyOf", "oneOf", "if", "dependentSchemas"})
    if (at.find(alternative) != nullptr) fail(at, keyword, fmt::format("beside {} is not supported", alternative));
  const auto go = [&](const json::value& schema, std::string path) {
    if (const json::object* keywords = schema.if_object()) visit({*keywords, std::move(path)});
  };
  if (const json::array* list = array_at(at, "allOf"))
    for (const json::value& part : *list) go(part, at.path);
  if (const json::value* value = at.find("$ref")) {
    const std::string reference = text_of(at, "$ref", *value);
    go(resolve(at, reference), reference);
  }
}

// A formula for the keys that are evaluated. `inner`: a schema below the one with unevaluatedProperties.
int SchemaReader::evaluated_keys(const Place& at, bool inner, std::size_t depth) {
  budget_.work(20);
  if (depth > kLimits.in_place_depth) fail(at, "$ref", "leads back to itself without a value between");
  if (at.find("additionalProperties") != nullptr || (inner && at.find("unevaluatedProperties") != nullptr))
    return Expressions::kAlways;
  std::vector<int> any = {named_keys(at)};
  for_each_in_place(at, "unevaluatedProperties",
                    [&](const Place& part) { any.push_back(evaluated_keys(part, true, depth + 1)); });
  return expressions().any(std::move(any));
}

// How many of the first items are evaluated; -1: all of them.
int SchemaReader::evaluated_items(const Place& at, bool inner, std::size_t depth) {
  budget_.work(20);
  if (depth > kLimits.in_place_depth) fail(at, "$ref", "leads back to itself without a value between");
  if (at.find("items") != nullptr || (inner && at.find("unevaluatedItems") != nullptr)) return -1;
  if (at.find("contains") != nullptr) fail(at, "unevaluatedItems", "beside contains is not supported");
  const json::array* prefix = array_at(at, "prefixItems");
  int n = prefix == nullptr ? 0 : int(prefix->size());
  for_each_in_place(at, "unevaluatedItems", [&](const Place& part) {
    const int more = evaluated_items(part, true, depth + 1);
    n = n < 0 || more < 0 ? -1 : std::max(n, more);
  });
  return n;
}

}  // namespace nibble::grammar
