#include "grammar/compile.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/compiler.h"
#include "grammar/satisfiable.h"

namespace nibble::grammar {

using Kind = Expression::Kind;

Program compile_schema(Schema schema, Syntax syntax, Budget& budget) {
  Program program = Compiler(schema, syntax, budget).compile();
  drop_unsatisfiable(program);
  for (const Goal& goal : program.goals) {
    const bool unfit = std::any_of(goal.arrays.begin(), goal.arrays.end(), [&](int form) {
      const ArrayForm& array = program.arrays[std::size_t(form)];
      return array.unique && !unique_items_supported(program, array);
    });
    if (unfit)
      throw Error(
          "schema: {}: \"uniqueItems\" is supported for items that are numbers or strings without an upper "
          "bound of how many there are",
          goal.path);
  }
  if (!program.goals[std::size_t(program.root)].satisfiable) throw Error("schema: #: no value can be valid");
  return program;
}

Program Compiler::compile() {
  int root = expressions().assertion({.kind = Kind::kSchema, .a = 0});
  if (program_.syntax == Syntax::kToolCall)
    root = expressions().all({root, expressions().assertion({.kind = Kind::kTypes, .n = kObject})});
  program_.root = goal_of(root);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const int expression = pending_[i];
    const std::string& path = program_.goals[i].path;
    budget_.at("schema: " + path);
    budget_.work(100);
    budget_.memory(sizeof(Goal) + 128 + path.size());
    Goal goal{.path = path};
    for (const Type type : {kNull, kFalse, kTrue})
      if (forms_.specialise(expression, type) == Expressions::kAlways) goal.constants |= type;
    goal.number = scalars_.numbers(expression);
    goal.text = scalars_.texts(expression);
    const auto excluded_array = [&](const Way& way) { return excluded(way, 0); };
    for (const Way& way : forms_.ways(forms_.specialise(expression, kArray), true, excluded_array))
      if (const int form = make_array(way); form >= 0) goal.arrays.push_back(form);
    for (const Way& way : forms_.ways(forms_.specialise(expression, kObject), true, excluded_array))
      if (const int form = make_object(way); form >= 0) goal.objects.push_back(form);
    program_.goals[i] = std::move(goal);
  }
  return std::move(program_);
}

int Compiler::goal_of(int expression) {
  const auto [entry, added] = goal_ids_.try_emplace(expression, int(pending_.size()));
  if (added) {
    if (pending_.size() >= kLimits.goals)
      throw Error("{}: too complex: more than {} kinds of value", budget_.place(), kLimits.goals);
    pending_.push_back(expression);
    program_.goals.push_back({.path = path_of(expression)});
  }
  return entry->second;
}

std::string Compiler::path_of(int expression) const {
  const Expression& of = schema_.expressions[expression];
  if (of.kind == Kind::kSchema) return schema_.nodes[std::size_t(of.a)].path;
  const int first = of.kind == Kind::kNot ? of.a : of.children.empty() ? -1 : of.children[0];
  return first < 0 ? "#" : path_of(first);
}

int append(Program& program, Program more) {
  const int tables = int(program.tables.size()), goals = int(program.goals.size());
  const int arrays = int(program.arrays.size()), objects = int(program.objects.size());
  const auto move_choices = [&](std::vector<Choice>& choices) {
    for (Choice& choice : choices) choice.goal += goals;
  };
  for (Goal& goal : more.goals) {
    if (goal.number >= 0) goal.number += tables;
    if (goal.text >= 0) goal.text += tables;
    for (int& form : goal.arrays) form += arrays;
    for (int& form : goal.objects) form += objects;
    program.goals.push_back(std::move(goal));
  }
  for (ArrayForm& array : more.arrays) {
    for (auto& of_item : array.items) move_choices(of_item);
    program.arrays.push_back(std::move(array));
  }
  for (ObjectForm& object : more.objects) {
    for (ObjectForm::KeyClass& key_class : object.classes) move_choices(key_class.choices);
    object.keys += tables;
    program.objects.push_back(std::move(object));
  }
  for (Dfa& table : more.tables) program.tables.push_back(std::move(table));
  return goals;
}

// ---- exclusion

// Whether it is plain that no array, or object, goes this way: some item or member that must be there can't be
// anything.
bool Compiler::excluded(const Way& way, int depth) {
  if (depth > 2) return false;
  std::uint32_t n_items = 0;
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    if (assertion.kind == Kind::kItems && literal.holds) n_items = std::max(n_items, assertion.n);
  }
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    if (!literal.holds) continue;
    if (assertion.kind == Kind::kRequired && nothing_fulfils(member_demand(way, assertion.a), depth)) return true;
    if (assertion.kind == Kind::kItem && assertion.n < n_items && nothing_fulfils(item_demand(way, assertion.n), depth))
      return true;
  }
  return false;
}

bool Compiler::nothing_fulfils(int expression, int depth) {
  for (const Type type : {kNull, kFalse, kTrue})
    if (forms_.specialise(expression, type) != Expressions::kNever) return false;
  if (scalars_.numbers(expression) >= 0 || scalars_.texts(expression) >= 0) return false;
  const auto excluded_deeper = [&](const Way& way) { return excluded(way, depth + 1); };
  for (const Type type : {kArray, kObject}) {
    const int formula = forms_.specialise(expression, type);
    if (formula == Expressions::kNever) continue;
    const std::vector<Way> ways = forms_.ways(formula, true, excluded_deeper);
    if (!std::all_of(ways.begin(), ways.end(), excluded_deeper)) return false;
  }
  return true;
}

int Compiler::member_demand(const Way& way, int key) {
  std::vector<int> all;
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    if (assertion.kind == Kind::kEveryMember && literal.holds && scalars_.fulfils(key, assertion.a))
      all.push_back(assertion.b);
  }
  return expressions().all(std::move(all));
}

int Compiler::item_demand(const Way& way, std::uint32_t item) {
  std::vector<int> all;
  for (const Literal& literal : way) {
    const Expression& assertion = expressions()[literal.assertion];
    if (assertion.kind == Kind::kItem && assertion.n == item)
      all.push_back(literal.holds ? assertion.a : expressions().negation(assertion.a));
    if (assertion.kind == Kind::kItemsFrom && literal.holds && assertion.n <= item) all.push_back(assertion.a);
  }
  return expressions().all(std::move(all));
}

}  // namespace nibble::grammar
