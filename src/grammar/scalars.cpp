#include "grammar/scalars.h"

#include <algorithm>

#include "grammar/number_language.h"
#include "grammar/regex.h"
#include "grammar/tool_call.h"

namespace nibble::grammar {

using Kind = Expression::Kind;

void Vocabulary::add(int formula) {
  const Expression& expression = schema_.expressions[formula];
  switch (expression.kind) {
    case Kind::kNot: add(expression.a); break;
    case Kind::kAll:
    case Kind::kAny:
    case Kind::kOne:
      for (const int child : expression.children) add(child);
      break;
    case Kind::kTextIn: texts_.insert(texts_.end(), expression.children.begin(), expression.children.end()); break;
    case Kind::kTextLanguage:
    case Kind::kNumberIn:
      if (part_of_language_.try_emplace(expression.a, parts.size()).second)
        parts.push_back(schema_.languages[std::size_t(expression.a)].get());
      break;
    default: break;
  }
  budget_.work(1 + expression.children.size());
}

void Vocabulary::close() {
  if (texts_.empty()) return;
  const Expressions& expressions = schema_.expressions;
  std::sort(texts_.begin(), texts_.end());
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
  std::sort(texts_.begin(), texts_.end(),
            [&](int a, int b) { return expressions.text_of(a) < expressions.text_of(b); });
  std::vector<std::string> sorted;
  for (const int text : texts_) sorted.push_back(expressions.text_of(text));
  names_ = std::make_unique<Texts>(sorted, budget_);
  names_part_ = parts.size();
  parts.push_back(names_.get());
}

int Vocabulary::name_read(std::span<const int> states) const {
  return names_ == nullptr ? -1 : label(names_part_, states) - 1;
}

bool Vocabulary::accepts(int formula, std::span<const int> states) const {
  const Expression& expression = schema_.expressions[formula];
  budget_.work(1);
  const auto holds = [&](int child) { return accepts(child, states); };
  const std::vector<int>& children = expression.children;
  switch (expression.kind) {
    case Kind::kNot: return !holds(expression.a);
    case Kind::kAll: return std::all_of(children.begin(), children.end(), holds);
    case Kind::kAny: return std::any_of(children.begin(), children.end(), holds);
    case Kind::kOne: return std::count_if(children.begin(), children.end(), holds) == 1;
    case Kind::kTextIn: {
      const int name = name_read(states);
      return name >= 0 && std::binary_search(children.begin(), children.end(), this->name(name));
    }
    case Kind::kTextLanguage: return label(part_of_language_.at(expression.a), states) != 0;
    case Kind::kNumberIn: {
      const int read = label(part_of_language_.at(expression.a), states);
      return read != 0 && (expression.n >> read & 1) != 0;
    }
    default: return expression.kind == Kind::kAlways;
  }
}

Fate Vocabulary::fate(int formula, std::span<const int> states) const {
  const Expression& expression = schema_.expressions[formula];
  budget_.work(1);
  const auto opposite = [](Fate fate) { return Fate(int(Fate::kAlways) - int(fate)); };
  const auto of_language = [&](std::size_t part) {
    return states[part] == kDead ? Fate::kNever : parts[part]->fate(states[part]);
  };
  switch (expression.kind) {
    case Kind::kAlways: return Fate::kAlways;
    case Kind::kNever: return Fate::kNever;
    case Kind::kNot: return opposite(fate(expression.a, states));
    case Kind::kAll:
    case Kind::kAny: {
      Fate result = expression.kind == Kind::kAll ? Fate::kAlways : Fate::kNever;
      for (const int child : expression.children) {
        const Fate of_child = fate(child, states);
        result = expression.kind == Kind::kAll ? std::min(result, of_child) : std::max(result, of_child);
      }
      return result;
    }
    case Kind::kTextIn: return of_language(names_part_);
    case Kind::kTextLanguage:
    case Kind::kNumberIn: return of_language(part_of_language_.at(expression.a));
    default: return Fate::kOpen;
  }
}

int Scalars::keep(Dfa table) {
  if (table.empty()) return -1;
  table.measure_runs([](int) { return true; });
  program_.tables.push_back(std::move(table));
  return int(program_.tables.size()) - 1;
}

int Scalars::numbers(int expression) {
  const int formula = forms_.specialise(expression, kNumber);
  const auto known = numbers_.find(formula);
  return known != numbers_.end() ? known->second : numbers_[formula] = build_numbers(formula);
}

int Scalars::build_numbers(int formula) {
  if (formula == Expressions::kNever) return -1;
  Vocabulary vocabulary(schema_, budget_);
  vocabulary.add(formula);
  const std::size_t n = vocabulary.parts.size();
  const bool exact = std::any_of(vocabulary.parts.begin(), vocabulary.parts.end(),
                                 [](const Language* part) { return part->has_shortest_spelling(); });
  const bool exponents = std::all_of(vocabulary.parts.begin(), vocabulary.parts.end(),
                                     [](const Language* part) { return part->follows_exponents(); });
  const char* spelling = formula == Expressions::kAlways ? kNumberSyntax
                         : exponents                     ? kOneDigitBeforeExponent
                                                         : kZeroBeforeExponent;
  const auto syntax = parse_regex(spelling, Anchoring::kWhole, "numbers", budget_);
  const auto plain = parse_regex(exact ? kShortestNumber : kPlainNumber, Anchoring::kWhole, "numbers", budget_);
  vocabulary.parts.push_back(syntax.get());
  if (formula != Expressions::kAlways) vocabulary.parts.push_back(plain.get());
  const auto label = [&](std::span<const int> states) -> std::uint32_t {
    if (states[n] == kDead || syntax->label(states[n]) == 0 || !vocabulary.accepts(formula, states)) return 0;
    const bool is_plain =
        formula == Expressions::kAlways || (states[n + 1] != kDead && plain->label(states[n + 1]) != 0);
    return is_plain ? 3 : 1;
  };
  const auto hopeless = [&](std::span<const int> states) {
    return states[n] == kDead || vocabulary.fate(formula, states) == Fate::kNever;
  };
  Dfa table = Dfa::build(vocabulary.parts, {label, hopeless}, budget_);
  table.prefer([](std::uint32_t of_text) { return of_text == 3; });
  return keep(std::move(table));
}

int Scalars::texts(int expression) {
  const int formula = forms_.specialise(expression, kText);
  const auto known = texts_.find(formula);
  return known != texts_.end() ? known->second : texts_[formula] = build_texts(formula);
}

int Scalars::build_texts(int formula) {
  if (formula == Expressions::kNever) return -1;
  Vocabulary vocabulary(schema_, budget_);
  vocabulary.add(formula);
  vocabulary.close();
  // A tool call has no way to write its own quotation mark in a string.
  const std::size_t n = vocabulary.parts.size();
  std::unique_ptr<Language> quote;
  if (program_.syntax == Syntax::kToolCall) {
    quote = parse_regex(kQuotePattern, Anchoring::kSearch, "strings", budget_);
    vocabulary.parts.push_back(quote.get());
  }
  const auto quoted = [&](std::span<const int> states) { return n < states.size() && quote->label(states[n]) != 0; };
  const auto label = [&](std::span<const int> states) -> std::uint32_t {
    return !quoted(states) && vocabulary.accepts(formula, states);
  };
  const auto hopeless = [&](std::span<const int> states) {
    return quoted(states) || vocabulary.fate(formula, states) == Fate::kNever;
  };
  return keep(Dfa::build(vocabulary.parts, {label, hopeless}, budget_));
}

bool Scalars::fulfils(int text, int expression) {
  const auto known = fulfilled_.find({text, expression});
  if (known != fulfilled_.end()) return known->second;
  const int formula = forms_.specialise(expression, kText);
  Vocabulary vocabulary(schema_, budget_);
  vocabulary.add(formula);
  vocabulary.close();
  const std::u32string characters = code_points(schema_.expressions.text_of(text));
  std::vector<int> states;
  for (Language* part : vocabulary.parts) {
    int state = part->start();
    for (const char32_t c : characters)
      if (state != kDead) state = part->step(state, c, budget_);
    states.push_back(state);
  }
  budget_.memory(64);
  return fulfilled_[{text, expression}] = vocabulary.accepts(formula, states);
}

}  // namespace nibble::grammar
