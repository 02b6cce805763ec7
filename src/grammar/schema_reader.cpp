#include "grammar/schema_reader.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "grammar/number_language.h"

namespace nibble::grammar {
namespace {

using Kind = Expression::Kind;

struct Refused {
  std::string_view keyword, why;
};
// What an older or a rarer draft gives a meaning to; silence would let through what the author wanted to keep out.
constexpr Refused kRefused[] = {
    {"$dynamicRef", "is not supported; $ref is"},
    {"$recursiveRef", "is not supported; $ref is"},
    {"dependencies", "is not of draft 2020-12; it has dependentRequired and dependentSchemas"},
    {"additionalItems", "is not of draft 2020-12; it has prefixItems and items"},
};

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

Schema SchemaReader::read() {
  subschema(root_, "#");
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const Pending next = pending_[i];
    const std::string path = schema_.nodes[std::size_t(next.node)].path;
    budget_.at("schema: " + path);
    budget_.work(20);
    budget_.memory(256 + path.size());
    int expression = Expressions::kAlways;
    if (next.value->is_bool())
      expression = next.value->get_bool() ? Expressions::kAlways : Expressions::kNever;
    else if (next.value->is_object())
      expression = read_keywords({next.value->get_object(), path});
    else
      throw Error("schema: {}: expected an object, true or false", path);
    schema_.nodes[std::size_t(next.node)].expression = expression;
  }
  return std::move(schema_);
}

void SchemaReader::fail(const Place& at, std::string_view keyword, std::string_view why) const {
  throw Error("schema: {}: \"{}\" {}", at.path, keyword, why);
}

int SchemaReader::subschema(const json::value& value, std::string path) {
  const auto [entry, added] = node_ids_.try_emplace(&value, int(schema_.nodes.size()));
  if (added) {
    if (schema_.nodes.size() >= kLimits.schema_nodes)
      throw Error("schema: more than {} subschemas", kLimits.schema_nodes);
    schema_.nodes.push_back({.expression = Expressions::kAlways, .path = std::move(path)});
    pending_.push_back({&value, entry->second});
  }
  return add({.kind = Kind::kSchema, .a = entry->second});
}

int SchemaReader::read_keywords(const Place& at) {
  for (const Refused& refused : kRefused)
    if (at.find(refused.keyword) != nullptr) fail(at, refused.keyword, refused.why);
  if (at.path != "#" && at.find("$id") != nullptr) fail(at, "$id", "is not supported below the root");
  std::vector<int> parts;
  read_reference(at, parts);
  read_applicators(at, parts);
  read_values(at, parts);
  read_number(at, parts);
  read_text(at, parts);
  read_array(at, parts);
  read_object(at, parts);
  read_dependents(at, parts);
  read_unevaluated(at, parts);
  return expressions().all(std::move(parts));
}

// ---- values of keywords

const json::object* SchemaReader::object_at(const Place& at, std::string_view keyword) const {
  const json::value* value = at.find(keyword);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) fail(at, keyword, "must be an object");
  return &value->get_object();
}

const json::array* SchemaReader::array_at(const Place& at, std::string_view keyword) const {
  const json::value* value = at.find(keyword);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) fail(at, keyword, "must be an array");
  return &value->get_array();
}

const json::value* SchemaReader::number_at(const Place& at, std::string_view keyword) const {
  const json::value* value = at.find(keyword);
  if (value == nullptr) return nullptr;
  if (!value->is_number() || !std::isfinite(value->to_number<double>())) fail(at, keyword, "must be a number");
  return value;
}

bool SchemaReader::count_at(const Place& at, std::string_view keyword, std::uint32_t& count) const {
  const json::value* value = number_at(at, keyword);
  if (value == nullptr) return false;
  const double number = value->to_number<double>();
  if (number < 0 || number != std::floor(number)) fail(at, keyword, "must be a non-negative integer");
  if (number > 2e9) fail(at, keyword, "is too large");
  count = std::uint32_t(number);
  return true;
}

std::string SchemaReader::text_of(const Place& at, std::string_view keyword, const json::value& value) const {
  if (!value.is_string()) fail(at, keyword, "must be a string");
  return std::string(value.get_string());
}

std::vector<int> SchemaReader::subschemas(const Place& at, std::string_view keyword) {
  std::vector<int> parts;
  const json::array* list = array_at(at, keyword);
  if (list == nullptr) return parts;
  if (list->empty()) fail(at, keyword, "must not be empty");
  for (std::size_t i = 0; i < list->size(); ++i)
    parts.push_back(subschema((*list)[i], fmt::format("{}/{}/{}", at.path, keyword, i)));
  return parts;
}

// ---- keywords for every type

void SchemaReader::read_applicators(const Place& at, std::vector<int>& parts) {
  for (const int part : subschemas(at, "allOf")) parts.push_back(part);
  if (at.find("anyOf") != nullptr) parts.push_back(expressions().any(subschemas(at, "anyOf")));
  if (at.find("oneOf") != nullptr) parts.push_back(expressions().one(subschemas(at, "oneOf")));
  if (const json::value* value = at.find("not"))
    parts.push_back(expressions().negation(subschema(*value, at.path + "/not")));
  const json::value* condition = at.find("if");
  if (condition == nullptr) return;
  const int holds = subschema(*condition, at.path + "/if");
  const auto branch = [&](const char* keyword) {
    const json::value* value = at.find(keyword);
    return value == nullptr ? Expressions::kAlways : subschema(*value, at.path + "/" + keyword);
  };
  parts.push_back(expressions().any({expressions().negation(holds), branch("then")}));
  parts.push_back(expressions().any({holds, branch("else")}));
}

void SchemaReader::read_reference(const Place& at, std::vector<int>& parts) {
  const json::value* value = at.find("$ref");
  if (value == nullptr) return;
  const std::string reference = text_of(at, "$ref", *value);
  parts.push_back(subschema(resolve(at, reference), reference));
}

const json::value& SchemaReader::resolve(const Place& at, std::string_view reference) const {
  const std::string shown(reference);
  if (const json::object* root = root_.if_object()) {
    const json::value* id = root->if_contains("$id");
    if (id != nullptr && id->is_string() && reference.starts_with(std::string_view(id->get_string())))
      reference.remove_prefix(id->get_string().size());
  }
  if (reference.empty()) return root_;
  if (reference[0] != '#')
    fail(at, "$ref", fmt::format("\"{}\": only references into the schema itself are supported", shown));
  reference.remove_prefix(1);
  if (!reference.empty() && reference[0] != '/') {
    if (const json::value* found = find_anchor(root_, reference)) return *found;
    fail(at, "$ref", fmt::format("\"{}\": there is no such $anchor", shown));
  }
  const json::value* value = &root_;
  while (!reference.empty()) {
    reference.remove_prefix(1);
    const std::size_t end = std::min(reference.find('/'), reference.size());
    std::string step;
    for (std::size_t i = 0; i < end; ++i) {
      unsigned code = 0;
      if (reference[i] == '%' && i + 2 < end &&
          std::sscanf(std::string(reference.substr(i + 1, 2)).c_str(), "%2x", &code) == 1) {
        step += char(code);
        i += 2;
      } else if (reference[i] == '~' && i + 1 < end && (reference[i + 1] == '0' || reference[i + 1] == '1')) {
        step += reference[++i] == '0' ? '~' : '/';
      } else {
        step += reference[i];
      }
    }
    reference.remove_prefix(end);
    const json::value* next = nullptr;
    if (value->is_object()) {
      next = value->get_object().if_contains(step);
    } else if (value->is_array() && !step.empty() && step.size() < 8 &&
               step.find_first_not_of("0123456789") == std::string::npos) {
      next = value->get_array().if_contains(std::stoul(step));
    }
    if (next == nullptr) fail(at, "$ref", fmt::format("\"{}\": there is nothing at this place", shown));
    value = next;
  }
  return *value;
}

const json::value* SchemaReader::find_anchor(const json::value& value, std::string_view anchor) const {
  budget_.work(1);
  if (value.is_array()) {
    for (const json::value& item : value.get_array())
      if (const json::value* found = find_anchor(item, anchor)) return found;
  } else if (value.is_object()) {
    const json::value* name = value.get_object().if_contains("$anchor");
    if (name != nullptr && name->is_string() && std::string_view(name->get_string()) == anchor) return &value;
    for (const auto& [key, member] : value.get_object())
      if (const json::value* found = find_anchor(member, anchor)) return found;
  }
  return nullptr;
}

// ---- type, enum, const

int SchemaReader::type_named(const Place& at, std::string_view name) {
  if (name == "null") return types(kNull);
  if (name == "boolean") return types(kFalse | kTrue);
  if (name == "number") return types(kNumber);
  if (name == "string") return types(kText);
  if (name == "array") return types(kArray);
  if (name == "object") return types(kObject);
  if (name == "integer") {
    const int whole = language("integer", [] { return integers(); });
    return expressions().all({types(kNumber), number_in(whole, 1u << 1)});
  }
  fail(at, "type", fmt::format("names no type: \"{}\"", name));
}

void SchemaReader::read_values(const Place& at, std::vector<int>& parts) {
  if (const json::value* type = at.find("type")) {
    std::vector<int> any;
    if (type->is_string()) {
      any.push_back(type_named(at, type->get_string()));
    } else if (type->is_array()) {
      for (const json::value& name : type->get_array()) any.push_back(type_named(at, text_of(at, "type", name)));
    } else {
      fail(at, "type", "must be a string or an array of strings");
    }
    // A set of types in one assertion keeps formulas small.
    std::uint32_t set = 0;
    std::vector<int> others;
    for (const int part : any) {
      if (expressions()[part].kind == Kind::kTypes)
        set |= expressions()[part].n;
      else
        others.push_back(part);
    }
    if (set & kNumber) others.clear();
    if (set != 0) others.push_back(types(set));
    parts.push_back(expressions().any(std::move(others)));
  }
  if (const json::value* value = at.find("const")) parts.push_back(equals(at, *value));
  if (const json::array* list = array_at(at, "enum")) parts.push_back(one_of_values(at, *list));
}

int SchemaReader::one_of_values(const Place& at, const json::array& values) {
  std::vector<int> any, texts;
  std::uint32_t constants = 0;
  std::vector<Decimal> numbers;
  std::string numbers_key = "numbers";
  for (const json::value& value : values) {
    budget_.work(20);
    budget_.memory(128);
    if (value.is_null()) {
      constants |= kNull;
    } else if (value.is_bool()) {
      constants |= value.get_bool() ? kTrue : kFalse;
    } else if (value.is_number()) {
      numbers.push_back(Decimal::of(value));
      numbers_key += "|" + spellings(numbers.back());
    } else if (value.is_string()) {
      texts.push_back(expressions().text(value.get_string()));
    } else {
      any.push_back(equals(at, value));
    }
  }
  if (constants != 0) any.push_back(types(constants));
  if (!texts.empty()) {
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    any.push_back(expressions().all({types(kText), add({.kind = Kind::kTextIn, .children = std::move(texts)})}));
  }
  if (!numbers.empty()) {
    const int listed = language(numbers_key, [&] { return listed_numbers(numbers, budget_); });
    any.push_back(expressions().all({types(kNumber), number_in(listed, 1u << 1)}));
  }
  return expressions().any(std::move(any));
}

int SchemaReader::equals(const Place& at, const json::value& value) {
  budget_.work(20);
  budget_.memory(256);
  std::vector<int> parts;
  if (value.is_array()) {
    const json::array& items = value.get_array();
    parts = {types(kArray), at_least(Kind::kItems, std::uint32_t(items.size())),
             expressions().negation(at_least(Kind::kItems, std::uint32_t(items.size()) + 1))};
    for (std::size_t i = 0; i < items.size(); ++i)
      parts.push_back(add({.kind = Kind::kItem, .a = equals(at, items[i]), .n = std::uint32_t(i)}));
    return expressions().all(std::move(parts));
  }
  if (value.is_object()) {
    const json::object& members = value.get_object();
    parts = {types(kObject), expressions().negation(at_least(Kind::kMembers, std::uint32_t(members.size()) + 1))};
    for (const auto& [key, member] : members) {
      parts.push_back(required(key));
      parts.push_back(add({.kind = Kind::kEveryMember, .a = key_is(key), .b = equals(at, member)}));
    }
    return expressions().all(std::move(parts));
  }
  return one_of_values(at, json::array{value});
}

}  // namespace nibble::grammar
