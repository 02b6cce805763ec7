#include "grammar/normal_form.h"

#include <algorithm>

#include "base/error.h"

namespace nibble::grammar {
namespace {

using Kind = Expression::Kind;

Type type_of(Kind assertion) {
  switch (assertion) {
    case Kind::kTextIn:
    case Kind::kTextLanguage: return kText;
    case Kind::kNumberIn: return kNumber;
    case Kind::kRequired:
    case Kind::kMembers:
    case Kind::kEveryMember: return kObject;
    default: return kArray;
  }
}

}  // namespace

int NormalForm::specialise(int id, Type type) {
  const auto known = specialised_.find({id, type});
  if (known != specialised_.end()) return known->second;
  budget_.work(20);
  budget_.memory(128);
  Expressions& expressions = schema_.expressions;
  const Expression& expression = expressions[id];
  const auto children = [&] {
    std::vector<int> parts;
    for (const int child : expression.children) parts.push_back(specialise(child, type));
    return parts;
  };
  int result = id;
  switch (expression.kind) {
    case Kind::kAlways:
    case Kind::kNever: break;
    case Kind::kAll: result = expressions.all(children()); break;
    case Kind::kAny: result = expressions.any(children()); break;
    case Kind::kOne: {
      std::vector<int> parts = children();
      const auto n_always = std::count(parts.begin(), parts.end(), Expressions::kAlways);
      if (n_always > 1) {
        result = Expressions::kNever;
      } else if (n_always == 1) {  // none of the others
        std::erase(parts, Expressions::kAlways);
        result = expressions.negation(expressions.any(std::move(parts)));
      } else {
        result = expressions.one(std::move(parts));
      }
      break;
    }
    case Kind::kNot: result = expressions.negation(specialise(expression.a, type)); break;
    case Kind::kSchema: result = specialise(schema_.nodes[std::size_t(expression.a)].expression, type); break;
    case Kind::kTypes: result = (expression.n & type) != 0 ? Expressions::kAlways : Expressions::kNever; break;
    default:
      if (type_of(expression.kind) != type) result = Expressions::kAlways;
  }
  return specialised_[{id, type}] = result;
}

std::vector<Way> NormalForm::ways(int id, bool holds, Excluded excluded) {
  const Expression& expression = schema_.expressions[id];
  switch (expression.kind) {
    case Kind::kAlways:
    case Kind::kNever:
      if ((expression.kind == Kind::kAlways) == holds) return {Way{}};
      return {};
    case Kind::kNot: return ways(expression.a, !holds, excluded);
    case Kind::kOne: return ways_of_one(expression, holds, excluded);
    case Kind::kAll:
    case Kind::kAny: {
      const bool together = (expression.kind == Kind::kAll) == holds;
      std::vector<Way> result;
      if (together) result.emplace_back();
      for (const int child : expression.children) {
        std::vector<Way> of_child = ways(child, holds, excluded);
        if (together)
          result = both(result, of_child, excluded);
        else
          append(result, std::move(of_child));
      }
      settle(result);
      return result;
    }
    default: return {Way{{.assertion = id, .holds = holds}}};
  }
}

void NormalForm::append(std::vector<Way>& ways, std::vector<Way> more) const {
  ways.insert(ways.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  if (ways.size() > kLimits.alternatives)
    throw Error("{}: more than {} alternatives (anyOf, oneOf, not, if, dependentSchemas) for one value",
                budget_.place(), kLimits.alternatives);
}

// Sorted; without those that ask for all that another asks for, and more.
void NormalForm::settle(std::vector<Way>& ways) const {
  std::sort(ways.begin(), ways.end(),
            [](const Way& a, const Way& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  std::vector<Way> kept;
  for (Way& way : ways) {
    budget_.work(kept.size() + 1);
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Way& weaker) {
      return std::includes(way.begin(), way.end(), weaker.begin(), weaker.end());
    });
    if (!covered) kept.push_back(std::move(way));
  }
  ways = std::move(kept);
}

std::vector<Way> NormalForm::both(const std::vector<Way>& a, const std::vector<Way>& b, Excluded excluded) {
  std::vector<Way> result;
  for (const Way& left : a) {
    for (const Way& right : b) {
      budget_.work(left.size() + right.size() + 4);
      Way way;
      std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(way));
      const auto same = [](const Literal& x, const Literal& y) { return x.assertion == y.assertion; };
      if (std::adjacent_find(way.begin(), way.end(), same) != way.end()) continue;  // holds, and does not
      if (a.size() > 1 && b.size() > 1 && excluded(way)) continue;
      append(result, {std::move(way)});
    }
  }
  settle(result);
  return result;
}

std::vector<Way> NormalForm::ways_of_one(const Expression& one, bool holds, Excluded excluded) {
  const std::size_t n = one.children.size();
  std::vector<std::vector<Way>> yes(n);
  for (std::size_t i = 0; i < n; ++i) yes[i] = ways(one.children[i], true, excluded);
  // Whether i and j can both hold.
  const auto overlap = [&](std::size_t i, std::size_t j) {
    for (const Way& left : yes[i]) {
      for (const Way& right : yes[j]) {
        Way way;
        std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(way));
        const auto same = [](const Literal& x, const Literal& y) { return x.assertion == y.assertion; };
        budget_.work(way.size() + 4);
        if (std::adjacent_find(way.begin(), way.end(), same) == way.end() && !excluded(way)) return true;
      }
    }
    return false;
  };
  std::vector<Way> result;
  if (holds) {
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<Way> only = yes[i];
      for (std::size_t j = 0; j < n; ++j)
        if (j != i && overlap(i, j)) only = both(only, ways(one.children[j], false, excluded), excluded);
      append(result, std::move(only));
    }
  } else {
    result.emplace_back();
    for (std::size_t i = 0; i < n; ++i) result = both(result, ways(one.children[i], false, excluded), excluded);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) append(result, both(yes[i], yes[j], excluded));
  }
  settle(result);
  return result;
}

}  // namespace nibble::grammar
