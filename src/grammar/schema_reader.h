// Reads one subschema after the other; each becomes a node, and refers to others by their numbers.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "grammar/decimal.h"
#include "grammar/schema.h"

namespace nibble::grammar {

std::string pointer_step(std::string_view key);  // as a JSON pointer spells it

class SchemaReader {
 public:
  SchemaReader(const json::value& root, Budget& budget) : root_(root), budget_(budget) {}
  Schema read();

 private:
  // One object of keywords while it is read.
  struct Place {
    const json::object& keywords;
    std::string path;
    const json::value* find(std::string_view keyword) const { return keywords.if_contains(keyword); }
  };
  struct Pending {
    const json::value* value;
    int node;
  };

  [[noreturn]] void fail(const Place& at, std::string_view keyword, std::string_view why) const;
  // A keyword's value, of the type it must have; nullptr or 0 where it is absent.
  const json::object* object_at(const Place& at, std::string_view keyword) const;
  const json::array* array_at(const Place& at, std::string_view keyword) const;
  const json::value* number_at(const Place& at, std::string_view keyword) const;
  bool count_at(const Place& at, std::string_view keyword, std::uint32_t& count) const;
  std::string text_of(const Place& at, std::string_view keyword, const json::value& value) const;

  int subschema(const json::value& value, std::string path);  // an expression
  std::vector<int> subschemas(const Place& at, std::string_view keyword);
  int read_keywords(const Place& at);
  void read_applicators(const Place& at, std::vector<int>& parts);
  void read_reference(const Place& at, std::vector<int>& parts);
  void read_values(const Place& at, std::vector<int>& parts);
  void read_number(const Place& at, std::vector<int>& parts);
  void read_text(const Place& at, std::vector<int>& parts);
  void read_array(const Place& at, std::vector<int>& parts);
  void read_object(const Place& at, std::vector<int>& parts);
  void read_dependents(const Place& at, std::vector<int>& parts);
  void read_unevaluated(const Place& at, std::vector<int>& parts);

  int types(std::uint32_t set) { return add({.kind = Expression::Kind::kTypes, .n = set}); }
  int type_named(const Place& at, std::string_view name);
  int equals(const Place& at, const json::value& value);
  int one_of_values(const Place& at, const json::array& values);
  int key_is(std::string_view key);
  int key_matches(const Place& at, std::string_view pattern);
  int named_keys(const Place& at);  // those of properties and patternProperties
  int required(std::string_view key);
  int unless(Type type, int assertion);
  int at_least(Expression::Kind kind, std::uint32_t n);
  int matches(const Place& at, std::string_view keyword, const std::string& pattern, bool whole);
  int number_in(int language, std::uint32_t labels);
  void for_each_in_place(const Place& at, std::string_view keyword, FunctionRef<void(const Place&)> visit);
  int evaluated_keys(const Place& at, bool inner, std::size_t depth);
  int evaluated_items(const Place& at, bool inner, std::size_t depth);

  const json::value& resolve(const Place& at, std::string_view reference) const;
  const json::value* find_anchor(const json::value& value, std::string_view anchor) const;

  int add(Expression expression) {
    budget_.memory(256 + 4 * expression.children.size());
    return schema_.expressions.assertion(std::move(expression));
  }
  Expressions& expressions() { return schema_.expressions; }
  template <typename Make>
  int language(const std::string& key, Make make) {
    const auto [entry, added] = language_ids_.try_emplace(key, int(schema_.languages.size()));
    if (added) schema_.languages.push_back(make());
    return entry->second;
  }

  const json::value& root_;
  Budget& budget_;
  Schema schema_;
  std::map<const json::value*, int> node_ids_;
  std::vector<Pending> pending_;
  std::map<std::string, int> language_ids_;
};

}  // namespace nibble::grammar
