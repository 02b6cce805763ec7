// What a grammar may cost: every limit of this folder in one table, and the account that compiling one draws from.
// Work and memory are counted, not timed, so that a schema is refused on every machine or on none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace nibble::grammar {

struct Limits {
  // Compiling. A unit of work is one step of one automaton, 3 to 10 ns: together under 200 ms.
  std::uint64_t work = 20'000'000;
  std::uint64_t memory_bytes = 48u << 20;  // of 64 MiB; the rest is for what is not counted: names, paths, maps
  std::size_t schema_bytes = 1u << 20;
  std::size_t schema_nodes = 20'000;  // subschemas
  std::size_t in_place_depth = 400;   // $ref, allOf, anyOf, ... behind one another without a value between them
  std::size_t alternatives = 512;     // ways to be an object, or an array, that one value may have
  std::size_t goals = 20'000;         // different demands on a value
  std::size_t pattern_bytes = 16'384;
  std::size_t pattern_depth = 64;
  std::size_t pattern_instructions = 50'000;
  std::uint32_t repetitions = 1'000'000;  // minLength, maxLength

  // Matching.
  int whitespace = 64;          // characters between two tokens of JSON: a model that is free to may write them forever
  int depth = 128;              // arrays and objects within one another
  std::size_t threads = 2'048;  // ways of reading what has been read
};
inline constexpr Limits kLimits;

class Budget {
 public:
  void at(std::string place) { place_ = std::move(place); }
  const std::string& place() const { return place_; }

  void work(std::uint64_t units) {
    work_ += units;
    if (work_ > kLimits.work) refuse("time");
  }
  void memory(std::uint64_t bytes) {
    memory_ += bytes;
    if (memory_ > kLimits.memory_bytes) refuse("memory");
  }
  std::uint64_t work_done() const { return work_; }
  std::uint64_t memory_bytes() const { return memory_; }

 private:
  [[noreturn]] void refuse(const char* what) const {
    throw Error("{}: too complex: its automaton would take too much {}", place_, what);
  }

  std::string place_ = "grammar";
  std::uint64_t work_ = 0, memory_ = 0;
};

}  // namespace nibble::grammar
