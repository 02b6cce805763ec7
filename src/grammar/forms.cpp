// One way to be an array, or an object, as what a matcher counts and demands.
#include <algorithm>

#include "base/error.h"
#include "grammar/compiler.h"
#include "grammar/regex.h"
#include "grammar/tool_call.h"

namespace nibble::grammar {
namespace {

using Kind = Expression::Kind;

constexpr std::size_t kMaxCounters = 3;
constexpr std::uint32_t kMaxCount = 60'000;    // a counter has 16 bits
constexpr std::uint32_t kMaxPositions = 4096;  // items with demands of their own

}  // namespace

// The value may count for any of the active counters; where a counter has a maximum, a value that does not count must
// not fulfil its demand.
std::vector<Choice> Compiler::choices(int demand, const std::vector<Counted>& counted, const std::vector<int>& active) {
  std::vector<Choice> result;
  for (std::uint32_t subset = 0; subset < 1u << active.size(); ++subset) {
    std::vector<int> all = {demand};
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const Counted& demanded = counted[std::size_t(active[i])];
      const bool counts = (subset >> i & 1) != 0;
      if (counts)
        all.push_back(demanded.expression), bits |= 1u << active[i];
      else if (demanded.counter.max != kNoLimit)
        all.push_back(expressions().negation(demanded.expression));
    }
    const int goal = expressions().all(std::move(all));
    if (goal != Expressions::kNever) result.push_back({.counted = bits, .goal = goal_of(goal)});
  }
  return result;
}

int Compiler::make_array(const Way& way) {
  ArrayForm form;
  std::vector<Counted> counted;
  std::uint32_t n_positions = 1;
  const auto count = [&](int expression, std::uint32_t from) -> Counter& {
    for (Counted& known : counted)
      if (known.expression == expression && known.from == from) return known.counter;
    counted.push_back({.expression = expression, .from = from});
    return counted.back().counter;
  };
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    switch (assertion.kind) {
      case Kind::kItems:
        if (literal.holds)
          form.min = std::max(form.min, assertion.n);
        else
          form.max = std::min(form.max, assertion.n - 1);
        break;
      case Kind::kItem:
        n_positions = std::max(n_positions, assertion.n + 2);
        if (!literal.holds) form.min = std::max(form.min, assertion.n + 1);
        break;
      case Kind::kItemsFrom:
        n_positions = std::max(n_positions, assertion.n + 1);
        if (!literal.holds) {
          Counter& fails = count(expressions().negation(assertion.a), assertion.n);
          fails.min = std::max(fails.min, 1u);
        }
        break;
      case Kind::kCount: {
        n_positions = std::max(n_positions, std::uint32_t(assertion.b) + 1);
        Counter& counter = count(assertion.a, std::uint32_t(assertion.b));
        if (literal.holds)
          counter.min = std::max(counter.min, assertion.n);
        else
          counter.max = std::min(counter.max, assertion.n - 1);
        break;
      }
      case Kind::kUnique:
        if (!literal.holds) throw Error("{}: \"uniqueItems\" below not is not supported", budget_.place());
        form.unique = true;
        break;
      default: break;
    }
  }
  if (form.min > form.max) return -1;
  if (counted.size() > kMaxCounters)
    throw Error("{}: more than {} of \"contains\" for one array are not supported", budget_.place(), kMaxCounters);
  for (const Counted& each : counted) {
    if (each.counter.min > kMaxCount) throw Error("{}: \"minContains\" is too large", budget_.place());
    form.counters.push_back(each.counter);
  }
  if (n_positions > kMaxPositions) throw Error("{}: \"prefixItems\" is too long", budget_.place());
  budget_.memory(sizeof(form) + n_positions * 64);
  for (std::uint32_t item = 0; item < n_positions; ++item) {
    budget_.work(20 + way.size());
    std::vector<int> active;
    for (std::size_t i = 0; i < counted.size(); ++i)
      if (counted[i].from <= item) active.push_back(int(i));
    form.items.push_back(choices(item_demand(way, item), counted, active));
  }
  program_.arrays.push_back(std::move(form));
  return int(program_.arrays.size()) - 1;
}

int Compiler::make_object(const Way& way) {
  ObjectForm form;
  std::vector<Counted> counted;
  std::vector<int> required, forbidden;
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    switch (assertion.kind) {
      case Kind::kRequired: (literal.holds ? required : forbidden).push_back(assertion.a); break;
      case Kind::kMembers:
        if (literal.holds)
          form.min = std::max(form.min, assertion.n);
        else
          form.max = std::min(form.max, assertion.n - 1);
        break;
      case Kind::kEveryMember:
        if (!literal.holds)
          counted.push_back(
              {.expression = expressions().negation(assertion.b), .key = assertion.a, .counter = {.min = 1}});
        break;
      default: break;
    }
  }
  if (form.min > form.max) return -1;
  if (counted.size() > kMaxCounters)
    throw Error("{}: \"not\" or \"oneOf\" over more than {} demands on members is not supported", budget_.place(),
                kMaxCounters);
  for (const Counted& each : counted) form.counters.push_back(each.counter);
  std::sort(required.begin(), required.end());
  std::sort(forbidden.begin(), forbidden.end());
  make_keys(way, counted, required, forbidden, form);
  program_.objects.push_back(std::move(form));
  return int(program_.objects.size()) - 1;
}

void Compiler::make_keys(const Way& way, const std::vector<Counted>& counted, const std::vector<int>& required,
                         const std::vector<int>& forbidden, ObjectForm& form) {
  struct Demand {
    int key, value;
  };
  std::vector<Demand> demands;
  std::vector<int> counted_keys;
  Vocabulary vocabulary(schema_, budget_);
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    if (assertion.kind != Kind::kEveryMember || !literal.holds) continue;
    demands.push_back({forms_.specialise(assertion.a, kText), assertion.b});
    vocabulary.add(demands.back().key);
  }
  for (const Counted& each : counted) {
    counted_keys.push_back(forms_.specialise(each.key, kText));
    vocabulary.add(counted_keys.back());
  }
  for (const int key : required) vocabulary.add_text(key);
  for (const int key : forbidden) vocabulary.add_text(key);
  vocabulary.close();
  form.n_names = vocabulary.n_names();
  form.required.resize(std::size_t(form.n_names + 63) / 64);
  const auto is_in = [](const std::vector<int>& sorted, int text) {
    return std::binary_search(sorted.begin(), sorted.end(), text);
  };
  for (int name = 0; name < form.n_names; ++name) {
    if (!is_in(required, vocabulary.name(name))) continue;
    form.required[std::size_t(name) / 64] |= std::uint64_t(1) << (name % 64);
    ++form.n_required;
  }

  const std::size_t n_parts = vocabulary.parts.size();
  std::unique_ptr<Language> bare_key;
  if (program_.syntax == Syntax::kToolCall) {
    bare_key = parse_regex(kKeyPattern, Anchoring::kWhole, "keys", budget_);
    vocabulary.parts.push_back(bare_key.get());
  }

  // Keys for which all demands agree are one class; how the parts label a key decides that.
  std::map<std::vector<int>, std::uint32_t> known;
  std::map<std::vector<int>, std::uint32_t> classes;
  const auto class_of = [&](std::span<const int> states) -> std::uint32_t {
    std::vector<int> labels;
    for (std::size_t i = 0; i < states.size(); ++i)
      labels.push_back(states[i] == kDead ? 0 : vocabulary.parts[i]->label(states[i]));
    const bool spelled = labels.size() == n_parts || labels.back() != 0;
    const auto [entry, added] = known.try_emplace(std::move(labels), 0);
    if (!added || !spelled) return entry->second;
    const int name = vocabulary.name_read(states);
    std::vector<int> signature = {name};
    std::vector<int> all, active;
    for (const Demand& demand : demands) {
      const bool applies = vocabulary.accepts(demand.key, states);
      signature.push_back(applies);
      if (applies) all.push_back(demand.value);
    }
    for (std::size_t i = 0; i < counted.size(); ++i) {
      signature.push_back(vocabulary.accepts(counted_keys[i], states));
      if (signature.back()) active.push_back(int(i));
    }
    const auto [of_signature, is_new] =
        classes.try_emplace(std::move(signature), std::uint32_t(form.classes.size()) + 1);
    if (is_new) {
      budget_.memory(256);
      ObjectForm::KeyClass key_class{.name = name};
      if (name < 0 || !is_in(forbidden, vocabulary.name(name)))
        key_class.choices = choices(expressions().all(std::move(all)), counted, active);
      form.classes.push_back(std::move(key_class));
    }
    return entry->second = of_signature->second;
  };
  const auto hopeless = [](std::span<const int>) { return false; };
  program_.tables.push_back(Dfa::build(vocabulary.parts, {class_of, hopeless}, budget_));
  form.keys = int(program_.tables.size()) - 1;
}

}  // namespace nibble::grammar
