// A schema as a formula: and, or, not, "exactly one of" over assertions about a value. Equal formulas have equal
// numbers, so that a demand on a value, however it came about, is compiled once.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace nibble::grammar {

enum Type : std::uint32_t {
  kNull = 1,
  kFalse = 2,
  kTrue = 4,
  kNumber = 8,
  kText = 16,
  kArray = 32,
  kObject = 64,
  kAnything = 127,
};

struct Expression {
  enum class Kind : std::uint8_t {
    kAlways,
    kNever,
    kAll,     // of `children`
    kAny,     // of `children`
    kOne,     // of `children`, and no other
    kNot,     // a
    kSchema,  // a: a node of the schema, for what may be recursive
    // Assertions. Each speaks of one type and holds for values of all others.
    kTypes,         // n: a set of Type
    kTextIn,        // children: texts
    kTextLanguage,  // a: language
    kNumberIn,      // a: language, n: the set of labels, as bits
    kRequired,      // a: text
    kMembers,       // at least n
    kEveryMember,   // whose key fulfils a has a value that fulfils b
    kItems,         // at least n
    kItem,          // item n, if there is one, fulfils a
    kItemsFrom,     // each from item n on fulfils a
    kCount,         // at least n of the items from b on fulfil a
    kUnique,
  } kind = Kind::kAlways;
  int a = 0, b = 0;
  std::uint32_t n = 0;
  std::vector<int> children;
  auto operator<=>(const Expression&) const = default;
};

class Expressions {
 public:
  static constexpr int kAlways = 0, kNever = 1;

  Expressions();
  const Expression& operator[](int id) const { return all_[std::size_t(id)]; }
  int assertion(Expression expression);
  int all(std::vector<int> parts);
  int any(std::vector<int> parts);
  int one(std::vector<int> parts);
  int negation(int part);
  int text(std::string_view text);  // the number of a text
  const std::string& text_of(int id) const { return *texts_[std::size_t(id)]; }
  int size() const { return int(all_.size()); }

 private:
  int combine(Expression::Kind kind, std::vector<int> parts, int neutral, int absorbing);

  std::map<Expression, int> ids_;
  std::deque<Expression> all_;  // references stay good while it grows
  std::map<std::string, int, std::less<>> text_ids_;
  std::vector<const std::string*> texts_;
};

}  // namespace nibble::grammar
