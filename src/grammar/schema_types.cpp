// The keywords that speak of one type: numbers, strings, arrays, objects.
#include <algorithm>

#include "base/error.h"
#include "grammar/formats.h"
#include "grammar/number_language.h"
#include "grammar/regex.h"
#include "grammar/schema_reader.h"

namespace nibble::grammar {

using Kind = Expression::Kind;

// ---- numbers

int SchemaReader::number_in(int language, std::uint32_t labels) {
  return add({.kind = Kind::kNumberIn, .a = language, .n = labels});
}

void SchemaReader::read_number(const Place& at, std::vector<int>& parts) {
  const auto bound = [&](const char* keyword, std::uint32_t orders) {
    const json::value* value = number_at(at, keyword);
    if (value == nullptr) return;
    const Decimal decimal = Decimal::of(*value);
    const std::string key = fmt::format("compare:{}:{}:{}", decimal.negative, decimal.digits, decimal.point);
    parts.push_back(number_in(language(key, [&] { return compare_with(decimal); }), orders));
  };
  bound("minimum", 1u << kEqual | 1u << kGreater);
  bound("exclusiveMinimum", 1u << kGreater);
  bound("maximum", 1u << kEqual | 1u << kLess);
  bound("exclusiveMaximum", 1u << kLess);
  if (const json::value* value = number_at(at, "multipleOf")) {
    const Decimal divisor = Decimal::of(*value);
    if (divisor.is_zero() || divisor.negative) fail(at, "multipleOf", "must be above zero");
    const std::string key = fmt::format("multiple:{}:{}", divisor.digits, divisor.point);
    parts.push_back(number_in(language(key, [&] { return multiples_of(divisor, "schema: " + at.path); }), 1u << 1));
  }
}

// ---- strings

int SchemaReader::matches(const Place& at, std::string_view keyword, const std::string& pattern, bool whole) {
  const std::string place = fmt::format("schema: {}: \"{}\"", at.path, keyword);
  if (pattern.size() > kLimits.pattern_bytes)
    throw Error("{}: expected at most {} bytes, found {}", place, kLimits.pattern_bytes, pattern.size());
  const Anchoring anchoring = whole ? Anchoring::kWhole : Anchoring::kSearch;
  const int id =
      language(fmt::format("{}:{}", whole, pattern), [&] { return parse_regex(pattern, anchoring, place, budget_); });
  return add({.kind = Kind::kTextLanguage, .a = id});
}

void SchemaReader::read_text(const Place& at, std::vector<int>& parts) {
  const auto at_least_long = [&](std::uint32_t n, const char* keyword) {
    if (n == 0) return Expressions::kAlways;
    if (n > kLimits.repetitions) fail(at, keyword, "is too large");
    return add({.kind = Kind::kTextLanguage,
                .a = language(fmt::format("length:{}", n), [n] { return std::make_unique<AtLeast>(n); })});
  };
  std::uint32_t n = 0;
  if (count_at(at, "minLength", n)) parts.push_back(at_least_long(n, "minLength"));
  if (count_at(at, "maxLength", n)) parts.push_back(unless(kText, at_least_long(n + 1, "maxLength")));
  if (const json::value* value = at.find("pattern"))
    parts.push_back(matches(at, "pattern", text_of(at, "pattern", *value), false));
  if (const json::value* value = at.find("format"))
    if (const auto pattern = format_pattern(text_of(at, "format", *value)))
      parts.push_back(matches(at, "format", *pattern, true));
}

// ---- arrays

// An assertion holds for all values of other types, so that its negation would hold for none of them.
int SchemaReader::unless(Type type, int assertion) {
  return expressions().any({expressions().negation(types(type)), expressions().negation(assertion)});
}

int SchemaReader::at_least(Kind kind, std::uint32_t n) {
  return n == 0 ? Expressions::kAlways : add({.kind = kind, .n = n});
}

void SchemaReader::read_array(const Place& at, std::vector<int>& parts) {
  const std::vector<int> prefix = subschemas(at, "prefixItems");
  for (std::size_t i = 0; i < prefix.size(); ++i)
    parts.push_back(add({.kind = Kind::kItem, .a = prefix[i], .n = std::uint32_t(i)}));
  if (const json::value* items = at.find("items")) {
    if (items->is_array()) fail(at, "items", "must be a schema; draft 2020-12 has prefixItems for lists");
    const int item = subschema(*items, at.path + "/items");
    parts.push_back(add({.kind = Kind::kItemsFrom, .a = item, .n = std::uint32_t(prefix.size())}));
  }
  std::uint32_t n = 0;
  if (count_at(at, "minItems", n)) parts.push_back(at_least(Kind::kItems, n));
  if (count_at(at, "maxItems", n)) parts.push_back(unless(kArray, at_least(Kind::kItems, n + 1)));
  std::uint32_t min = 1, max = 0;
  const bool has_min = count_at(at, "minContains", min);
  const bool has_max = count_at(at, "maxContains", max);
  if (const json::value* contains = at.find("contains")) {
    const int item = subschema(*contains, at.path + "/contains");
    if (!has_min) min = 1;
    if (min > 0) parts.push_back(add({.kind = Kind::kCount, .a = item, .n = min}));
    if (has_max) parts.push_back(unless(kArray, add({.kind = Kind::kCount, .a = item, .n = max + 1})));
  }
  if (const json::value* unique = at.find("uniqueItems")) {
    if (!unique->is_bool()) fail(at, "uniqueItems", "must be true or false");
    if (unique->get_bool()) parts.push_back(add({.kind = Kind::kUnique}));
  }
}

// ---- objects

int SchemaReader::key_is(std::string_view key) {
  return add({.kind = Kind::kTextIn, .children = {expressions().text(key)}});
}

int SchemaReader::key_matches(const Place& at, std::string_view pattern) {
  return matches(at, "patternProperties", std::string(pattern), false);
}

int SchemaReader::required(std::string_view key) {
  return add({.kind = Kind::kRequired, .a = expressions().text(key)});
}

int SchemaReader::named_keys(const Place& at) {
  std::vector<int> any, texts;
  if (const json::object* properties = object_at(at, "properties"))
    for (const auto& property : *properties) texts.push_back(expressions().text(property.key()));
  std::sort(texts.begin(), texts.end());
  if (!texts.empty()) any.push_back(add({.kind = Kind::kTextIn, .children = std::move(texts)}));
  if (const json::object* patterns = object_at(at, "patternProperties"))
    for (const auto& pattern : *patterns) any.push_back(key_matches(at, pattern.key()));
  return expressions().any(std::move(any));
}

void SchemaReader::read_object(const Place& at, std::vector<int>& parts) {
  const auto every = [&](int key, int value) {
    parts.push_back(add({.kind = Kind::kEveryMember, .a = key, .b = value}));
  };
  if (const json::object* properties = object_at(at, "properties"))
    for (const auto& [key, schema] : *properties)
      every(key_is(key), subschema(schema, at.path + "/properties/" + pointer_step(key)));
  if (const json::object* patterns = object_at(at, "patternProperties"))
    for (const auto& [pattern, schema] : *patterns)
      every(key_matches(at, pattern), subschema(schema, at.path + "/patternProperties/" + pointer_step(pattern)));
  if (const json::value* value = at.find("additionalProperties"))
    every(expressions().negation(named_keys(at)), subschema(*value, at.path + "/additionalProperties"));
  if (const json::value* value = at.find("propertyNames"))
    every(expressions().negation(subschema(*value, at.path + "/propertyNames")), Expressions::kNever);
  if (const json::array* keys = array_at(at, "required"))
    for (const json::value& key : *keys) parts.push_back(required(text_of(at, "required", key)));
  std::uint32_t n = 0;
  if (count_at(at, "minProperties", n)) parts.push_back(at_least(Kind::kMembers, n));
  if (count_at(at, "maxProperties", n)) parts.push_back(unless(kObject, at_least(Kind::kMembers, n + 1)));
}

void SchemaReader::read_dependents(const Place& at, std::vector<int>& parts) {
  const auto if_present = [&](std::string_view key, int then) {
    parts.push_back(
        expressions().any({expressions().negation(types(kObject)), expressions().negation(required(key)), then}));
  };
  if (const json::object* dependents = object_at(at, "dependentRequired")) {
    for (const auto& [key, list] : *dependents) {
      if (!list.is_array()) fail(at, "dependentRequired", "must be an object of arrays");
      std::vector<int> all;
      for (const json::value& name : list.get_array()) all.push_back(required(text_of(at, "dependentRequired", name)));
      if_present(key, expressions().all(std::move(all)));
    }
  }
  if (const json::object* dependents = object_at(at, "dependentSchemas"))
    for (const auto& [key, schema] : *dependents)
      if_present(key, subschema(schema, at.path + "/dependentSchemas/" + pointer_step(key)));
}

}  // namespace nibble::grammar
