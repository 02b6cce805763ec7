// A compiled grammar: what a matcher runs. Scalars are tables; an array or an object is a list of counters and of the
// demands on what is in it. Nothing in here changes after compiling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/dfa.h"

namespace nibble::grammar {

inline constexpr std::uint32_t kNoLimit = ~0u;

// One way to go on: the value must fulfil `goal`, and counts for the counters in `counted` (bits).
struct Choice {
  std::uint32_t counted = 0;
  int goal = 0;
};

// At least `min`, at most `max` items (or members) must have been counted when the array (or object) ends.
struct Counter {
  std::uint32_t min = 0, max = kNoLimit;
};

struct ArrayForm {
  std::uint32_t min = 0, max = kNoLimit;
  std::vector<std::vector<Choice>> items;  // of item i; the last is also that of all behind it
  std::vector<Counter> counters;
  bool unique = false;
  const std::vector<Choice>& choices(std::uint32_t item) const {
    return items[std::min<std::size_t>(item, items.size() - 1)];
  }
};

// Keys that the schema names have a bit; `keys` labels each key with its class, plus one.
struct ObjectForm {
  struct KeyClass {
    int name = -1;  // -1: any number of keys
    std::vector<Choice> choices;
  };
  // What can still become of a key that has been read up to a state of `keys`.
  struct Reach {
    int first_name = 0, last_name = -1;
    bool open = false;  // a key that has no name
  };
  std::uint32_t min = 0, max = kNoLimit;
  int keys = -1;  // in Program::tables
  std::vector<KeyClass> classes;
  std::vector<Reach> reach;  // by state of `keys`
  int n_names = 0;
  std::uint32_t n_required = 0;
  std::vector<std::uint64_t> required;  // a bit for each name
  std::vector<Counter> counters;
  bool has_open_keys = false;
  std::size_t words() const { return required.size(); }
};

struct Goal {
  std::uint32_t constants = 0;  // kNull, kFalse, kTrue of expression.h
  int number = -1, text = -1;   // in Program::tables
  std::vector<int> arrays, objects;
  bool satisfiable = false;
  std::string path;  // of a schema it comes from
};

// How values are spelled.
enum class Syntax : std::uint8_t { kJson, kToolCall };

// A call of one tool: what comes before its arguments, and what they must fulfil.
struct Call {
  std::string opening;
  int goal = 0;
};

struct Program {
  Syntax syntax = Syntax::kJson;
  std::vector<Dfa> tables;
  std::vector<Goal> goals;
  std::vector<ArrayForm> arrays;
  std::vector<ObjectForm> objects;
  int root = -1;            // a goal: the text is JSON
  int raw_text = -1;        // or a table: the text is plain
  std::vector<Call> calls;  // or one of these, and more where `many_calls`
  bool many_calls = false;
  std::uint64_t memory_bytes = 0;
  std::uint64_t work = 0;  // that compiling took
};

}  // namespace nibble::grammar
