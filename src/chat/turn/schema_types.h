// What a tool's JSON Schema says about the values of its parameters. Gemma writes every value as text; the schema decides
// whether `5` is a number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"

namespace nibble::chat::turn {

class TypeSet {
 public:
  enum Type : std::uint8_t { kNull, kInteger, kNumber, kBoolean, kObject, kArray, kString };
  void add(Type type) { bits_ = std::uint8_t(bits_ | 1u << type); }
  void add_name(std::string_view name);  // as in a schema; "int", "str", ... count too, names of no type are left out
  void add_all(TypeSet other) { bits_ |= other.bits_; }
  bool has(Type type) const { return (bits_ >> type & 1u) != 0; }
  bool only_string() const { return bits_ == 1u << kString; }

 private:
  std::uint8_t bits_ = 0;
};

// The types that a schema allows by `type`, `enum`, anyOf, oneOf, allOf; a string where it names none.
TypeSet types_of(const json::value& schema);

// A value's text -> JSON: the first type that it can be read as, in the order of TypeSet::Type; where no type fits and a
// string is not allowed, whatever JSON it is; else the text as a string.
std::string coerce(std::string_view text, TypeSet types);

// types_of, worked out once for each schema.
class SchemaTypes {
 public:
  TypeSet of(const json::value& schema);

 private:
  std::unordered_map<const json::value*, TypeSet> known_;
};

// The tools of a request, each as {"type": "function", "function": {"name", "parameters"}} or the inner object alone.
class ToolSchemas {
 public:
  explicit ToolSchemas(const json::array& tools);  // borrows them
  // The schemas of a function's parameters by their names; nullptr where there are none.
  const json::object* properties(std::string_view function) const;

 private:
  struct Tool {
    std::string_view name;
    const json::object* properties;
  };
  std::vector<Tool> tools_;
};

// schema[key] where it is an object.
const json::object* object_at(const json::object& schema, std::string_view key);

}  // namespace nibble::chat::turn
