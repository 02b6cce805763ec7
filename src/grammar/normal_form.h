// Formulas of one type: what a formula says about numbers, about texts, about arrays; and the ways to fulfil it.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/function_ref.h"
#include "grammar/schema.h"

namespace nibble::grammar {

// An assertion that must hold, or must not. A way is a set of them, sorted.
struct Literal {
  int assertion = 0;
  bool holds = true;
  auto operator<=>(const Literal&) const = default;
};
using Way = std::vector<Literal>;

class NormalForm {
 public:
  NormalForm(Schema& schema, Budget& budget) : schema_(schema), budget_(budget) {}

  // The formula for values of `type`: references followed, assertions about other types gone.
  int specialise(int expression, Type type);

  // The ways to be an array or an object that fulfils a specialised formula. `excluded` tells of two ways that no value
  // goes both at once: without it, "exactly one of" n objects would be 2^n ways. It may miss some.
  using Excluded = FunctionRef<bool(const Way& way)>;
  std::vector<Way> ways(int expression, bool holds, Excluded excluded);

 private:
  std::vector<Way> both(const std::vector<Way>& a, const std::vector<Way>& b, Excluded excluded);
  std::vector<Way> ways_of_one(const Expression& one, bool holds, Excluded excluded);
  void append(std::vector<Way>& ways, std::vector<Way> more) const;
  void settle(std::vector<Way>& ways) const;

  Schema& schema_;
  Budget& budget_;
  std::map<std::pair<int, std::uint32_t>, int> specialised_;
};

}  // namespace nibble::grammar
