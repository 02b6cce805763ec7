#include "chat/turn/schema_types.h"

#include <algorithm>
#include <array>
#include <utility>

#include "chat/turn/json_text.h"
#include "chat/turn/numbers.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {
namespace {

using Type = TypeSet::Type;

struct TypeName {
  std::string_view name;
  Type type;
};

// JSON Schema's own, and what people write in their place.
constexpr auto kTypeNames = std::to_array<TypeName>({
    {"null", Type::kNull},        {"integer", Type::kInteger}, {"number", Type::kNumber},  {"boolean", Type::kBoolean},
    {"object", Type::kObject},    {"array", Type::kArray},     {"string", Type::kString},  {"str", Type::kString},
    {"text", Type::kString},      {"varchar", Type::kString},  {"char", Type::kString},    {"enum", Type::kString},
    {"int", Type::kInteger},      {"int32", Type::kInteger},   {"int64", Type::kInteger},  {"uint", Type::kInteger},
    {"uint32", Type::kInteger},   {"uint64", Type::kInteger},  {"long", Type::kInteger},   {"short", Type::kInteger},
    {"unsigned", Type::kInteger}, {"float", Type::kNumber},    {"float32", Type::kNumber}, {"float64", Type::kNumber},
    {"double", Type::kNumber},    {"bool", Type::kBoolean},    {"dict", Type::kObject},    {"arr", Type::kArray},
    {"list", Type::kArray},       {"sequence", Type::kArray},
});

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = char(c + ('a' - 'A'));
  return out;
}

Type type_of_value(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return Type::kNull;
    case json::kind::bool_: return Type::kBoolean;
    case json::kind::int64:
    case json::kind::uint64: return Type::kInteger;
    case json::kind::double_: return Type::kNumber;
    case json::kind::array: return Type::kArray;
    case json::kind::object: return Type::kObject;
    case json::kind::string: break;
  }
  return Type::kString;
}

const json::array* array_at(const json::object& schema, std::string_view key) {
  const json::value* found = schema.if_contains(key);
  return found != nullptr ? found->if_array() : nullptr;
}

std::optional<std::string> read_as(std::string_view text, Type type) {
  switch (type) {
    case Type::kNull:
      if (ascii_lower(text) == "null") return "null";
      return std::nullopt;
    case Type::kInteger: return python_integer(text);
    case Type::kNumber: return python_number(text);
    case Type::kBoolean: {
      const std::string word = ascii_lower(trim(text));
      if (word == "true" || word == "1") return "true";
      if (word == "false" || word == "0") return "false";
      return std::nullopt;
    }
    case Type::kObject:
    case Type::kArray: return canonical_json(text);
    case Type::kString: break;
  }
  std::string quoted;
  append_json_string(quoted, text);
  return quoted;
}

}  // namespace

void TypeSet::add_name(std::string_view name) {
  const std::string wanted = ascii_lower(trim(name));
  const auto found =
      std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const TypeName& t) { return t.name == wanted; });
  if (found != kTypeNames.end()) add(found->type);
}

TypeSet types_of(const json::value& value) {
  TypeSet types;
  bool named = false;  // a name of no type is a name: then the value is whatever JSON it looks like
  if (const json::object* schema = value.if_object()) {
    const auto add_name = [&](const json::value& name) {
      if (!name.is_string()) return;
      types.add_name(name.get_string());
      named = true;
    };
    if (const json::value* type = schema->if_contains("type")) {
      add_name(*type);
      if (const json::array* names = type->if_array()) std::for_each(names->begin(), names->end(), add_name);
    }
    if (const json::array* constants = array_at(*schema, "enum")) {
      for (const json::value& constant : *constants) types.add(type_of_value(constant));
      named = named || !constants->empty();
    }
    for (const char* key : {"anyOf", "oneOf", "allOf"}) {
      const json::array* choices = array_at(*schema, key);
      if (choices == nullptr) continue;
      for (const json::value& choice : *choices) types.add_all(types_of(choice));
      named = named || !choices->empty();
    }
  }
  if (!named) types.add(Type::kString);
  return types;
}

std::string coerce(std::string_view text, TypeSet types) {
  for (const Type type :
       {Type::kNull, Type::kInteger, Type::kNumber, Type::kBoolean, Type::kObject, Type::kArray, Type::kString})
    if (types.has(type))
      if (std::optional<std::string> read = read_as(text, type)) return *std::move(read);
  if (std::optional<std::string> read = canonical_json(text)) return *std::move(read);
  return *read_as(text, Type::kString);
}

TypeSet SchemaTypes::of(const json::value& schema) {
  const auto [place, is_new] = known_.emplace(&schema, TypeSet());
  if (is_new) place->second = types_of(schema);
  return place->second;
}

ToolSchemas::ToolSchemas(const json::array& tools) {
  for (const json::value& entry : tools) {
    const json::object* tool = entry.if_object();
    if (tool == nullptr) continue;
    if (const json::object* function = object_at(*tool, "function")) tool = function;
    const json::value* name = tool->if_contains("name");
    if (name == nullptr || !name->is_string()) continue;
    const json::object* parameters = object_at(*tool, "parameters");
    tools_.push_back({name->get_string(), parameters != nullptr ? object_at(*parameters, "properties") : nullptr});
  }
}

const json::object* ToolSchemas::properties(std::string_view function) const {
  const auto found =
      std::find_if(tools_.begin(), tools_.end(), [&](const Tool& tool) { return tool.name == function; });
  return found != tools_.end() ? found->properties : nullptr;
}

const json::object* object_at(const json::object& schema, std::string_view key) {
  const json::value* found = schema.if_contains(key);
  return found != nullptr ? found->if_object() : nullptr;
}

}  // namespace nibble::chat::turn
