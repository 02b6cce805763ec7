#include "grammar/grammar.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/compile.h"
#include "grammar/regex.h"
#include "grammar/tool_call.h"
#include "tokenizer/utf8.h"

namespace nibble::grammar {
namespace {

void check_utf8(std::string_view text, std::string_view what) {
  if (tokenizer::find_invalid_utf8(text)) throw Error("{}: not UTF-8", what);
}

Program raw_text(Dfa table, Budget& budget) {
  Program program;
  table.measure_runs([](int) { return true; });
  program.tables.push_back(std::move(table));
  program.raw_text = 0;
  program.work = budget.work_done();
  return program;
}

Dfa table_of(Language& language, Budget& budget) {
  Language* const parts[] = {&language};
  const auto label = [&](std::span<const int> states) -> std::uint32_t {
    return states[0] != kDead && language.label(states[0]) != 0;
  };
  const auto hopeless = [](std::span<const int> states) { return states[0] == kDead; };
  return Dfa::build(parts, {label, hopeless}, budget);
}

}  // namespace

Grammar Grammar::json_schema(const json::value& schema) {
  Budget budget;
  Program program = compile_schema(read_schema(schema, budget), Syntax::kJson, budget);
  program.work = budget.work_done();
  return Grammar(std::move(program));
}

Grammar Grammar::json_object() { return json_schema(json::object{{"type", "object"}}); }

Grammar Grammar::regex(std::string_view pattern) {
  if (pattern.size() > kLimits.pattern_bytes)
    throw Error("regex: expected at most {} bytes, found {}", kLimits.pattern_bytes, pattern.size());
  check_utf8(pattern, "regex");
  Budget budget;
  budget.at("regex");
  Dfa table = table_of(*parse_regex(pattern, Anchoring::kWhole, "regex", budget), budget);
  if (table.empty()) throw Error("regex: no text matches it");
  return Grammar(raw_text(std::move(table), budget));
}

Grammar Grammar::choice(const std::vector<std::string>& texts) {
  if (texts.empty()) throw Error("choice: expected at least one text");
  for (const std::string& text : texts) check_utf8(text, "choice");
  Budget budget;
  budget.at("choice");
  Texts language(texts, budget);
  return Grammar(raw_text(table_of(language, budget), budget));
}

Grammar Grammar::tool_calls(std::span<const Tool> tools, bool many) {
  if (tools.empty()) throw Error("tools: expected at least one");
  Budget budget;
  Program program;
  program.syntax = Syntax::kToolCall;
  program.many_calls = many;
  for (const Tool& tool : tools) {
    check_utf8(tool.name, "a tool's name");
    try {
      Program compiled = compile_schema(read_schema(tool.parameters, budget), Syntax::kToolCall, budget);
      const int root = compiled.root;
      const int goals = append(program, std::move(compiled));
      program.calls.push_back({.opening = std::string(kCallOpening) + tool.name, .goal = goals + root});
    } catch (const Error& error) {
      throw Error("tool \"{}\": {}", tool.name, error.what());
    }
  }
  program.work = budget.work_done();
  return Grammar(std::move(program));
}

std::uint64_t Grammar::memory_bytes() const {
  std::uint64_t bytes = sizeof(*this);
  for (const Dfa& table : program_.tables) bytes += sizeof(table) + table.memory_bytes();
  for (const Goal& goal : program_.goals)
    bytes += sizeof(goal) + (goal.arrays.size() + goal.objects.size()) * sizeof(int) + goal.path.size();
  const auto of_choices = [](const std::vector<Choice>& choices) {
    return sizeof(choices) + choices.size() * sizeof(Choice);
  };
  for (const ArrayForm& array : program_.arrays) {
    bytes += sizeof(array);
    for (const auto& of_item : array.items) bytes += of_choices(of_item);
  }
  for (const ObjectForm& object : program_.objects) {
    bytes += sizeof(object) + object.reach.size() * sizeof(ObjectForm::Reach) + object.words() * 8;
    for (const auto& key_class : object.classes) bytes += sizeof(key_class) + of_choices(key_class.choices);
  }
  return bytes;
}

Matcher::Matcher(const Grammar& grammar) : program_(&grammar.program()) {
  Machine(*program_, pool_, false).start(threads_);
}

bool Matcher::advance(std::string_view bytes) {
  Machine machine(*program_, pool_, false);
  const Pool::Mark mark = pool_.mark();
  std::vector<Thread> now = threads_, next;
  for (const char byte : bytes) {
    next.clear();
    machine.step(now, std::uint8_t(byte), next);
    if (next.empty()) {
      pool_.cut(mark);
      return false;
    }
    now.swap(next);
  }
  threads_ = std::move(now);
  if (pool_.frames.size() > compact_at_) {
    machine.compact(threads_);
    compact_at_ = std::max<std::size_t>(256, 2 * pool_.frames.size());
  }
  return true;
}

bool Matcher::may_end() const {
  Pool unused;
  const Machine machine(*program_, unused, false);
  return std::any_of(threads_.begin(), threads_.end(), [&](const Thread& thread) { return machine.may_end(thread); });
}

}  // namespace nibble::grammar
