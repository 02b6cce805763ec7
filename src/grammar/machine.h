// Reads JSON (or plain text) a byte at a time along a program. What is not decided yet is read in several ways at once,
// each a thread: a place in the text's syntax, a state of a table, and the arrays and objects around it.
//
// Arrays and objects are frames of a pool that only grows; a frame never changes, so threads share them, and what was
// added is dropped by cutting the pool back. An object's frame has a bit for each named key that has come, which makes
// every order of keys one automaton instead of n! of them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "grammar/program.h"

namespace nibble::grammar {

enum class Place : std::uint8_t {
  kValue,      // a value must begin; `table` is its goal
  kText,       // in a string
  kKey,        // in a key
  kNumber,     // in a number
  kConstant,   // in null, false or true; `table` says which
  kFirstItem,  // behind [
  kFirstKey,   // behind {
  kNextKey,    // behind a comma
  kColon,      // behind a key; `table` is the goal of its value
  kAfter,      // behind a value
  kRaw,        // in a text that is not JSON
  // Of tool calls, `state` characters into
  kOpening,  // what stands before the arguments; `table` says whose
  kQuote,    // the mark before a string; `table` is the string's
  kUnquote,  // the mark behind it
  kClosing,  // what stands behind the arguments
  kDone,     // nothing: a call is complete
};

struct Thread {
  std::int32_t frame = -1;  // the innermost; -1: none
  std::int32_t table = 0;   // in Program::tables, unless the place says otherwise
  std::int32_t state = 0;   // of the table
  Place place = Place::kValue;
  std::uint8_t escape = 0;     // where in \uD83D\uDE00, see text_reader.h
  std::uint8_t remaining = 0;  // bytes of a character still to come
  std::uint8_t whitespace = 0;
  std::uint32_t partial = 0;  // the bits of a character so far
  std::uint32_t other = 0;    // of a pair of escapes the first; of a number its exponent
  std::uint64_t hash = 0;     // of the string or the number so far
  bool operator==(const Thread&) const = default;
};

struct Frame {
  std::int32_t parent = -1, form = 0;
  bool is_array = false;
  std::uint8_t depth = 0;
  std::uint32_t count = 0;    // items or members
  std::uint32_t missing = 0;  // required keys
  std::uint64_t counted = 0;  // 16 bits a counter
  std::uint32_t seen = 0;     // of an object: where in Pool::seen its bits begin
  std::int32_t values = -1;   // hashes of keys without a name, or of unique items: the last, in Pool::values
};

struct Pool {
  struct Value {
    std::uint64_t hash;
    std::int32_t previous;
  };
  struct Mark {
    std::size_t frames, seen, values;
  };
  std::vector<Frame> frames;
  std::vector<std::uint64_t> seen;
  std::vector<Value> values;

  Mark mark() const { return {frames.size(), seen.size(), values.size()}; }
  void cut(const Mark& mark) {
    frames.resize(mark.frames);
    seen.resize(mark.seen);
    values.resize(mark.values);
  }
};

class Machine {
 public:
  // `strict`: numbers are spelled the plain way, as a mask wants them.
  Machine(const Program& program, Pool& pool, bool strict) : program_(program), pool_(pool), strict_(strict) {}

  void start(std::vector<Thread>& out) const;
  // Adds to `out` how `thread` may go on with a byte.
  void step(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out);
  // All of them; equal ones are merged.
  void step(std::span<const Thread> threads, std::uint8_t byte, std::vector<Thread>& out);
  bool may_end(const Thread& thread) const;
  // Keeps what `threads` need of the pool.
  void compact(std::vector<Thread>& threads) const;

 private:
  void step_in_mark(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out);
  std::uint8_t end_of_text(Place place) const;
  bool step_in_text(Thread& thread, std::uint8_t byte) const;
  bool possible(const Thread& thread, int state) const;
  bool key_possible(const Frame& frame, int state) const;
  void value(const Thread& at, int goal, std::uint8_t byte, std::vector<Thread>& out);
  void number(Thread thread, std::uint8_t byte, std::vector<Thread>& out);
  void end_value(int frame, std::uint64_t hash, std::uint8_t byte, std::vector<Thread>& out, bool consumed);
  void after(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out);
  void next_item(int frame, FunctionRef<void(int frame, int goal)> go);
  void end_key(const Thread& thread, std::vector<Thread>& out);
  bool count(const std::vector<Counter>& counters, std::uint32_t counted, std::uint32_t room, Frame& frame) const;
  bool complete(const Frame& frame) const;
  bool counters_complete(const std::vector<Counter>& counters, const Frame& frame) const;
  bool has_value(const Frame& frame, std::uint64_t hash) const;
  int add(const Frame& frame);
  int open(const Thread& thread, int form, bool is_array);
  bool same_frames(int a, int b) const;
  void merge(std::vector<Thread>& threads, std::size_t from) const;

  const ArrayForm& array(const Frame& frame) const { return program_.arrays[std::size_t(frame.form)]; }
  const ObjectForm& object(const Frame& frame) const { return program_.objects[std::size_t(frame.form)]; }
  const Dfa& table(int index) const { return program_.tables[std::size_t(index)]; }

  const Program& program_;
  Pool& pool_;
  bool strict_;
  bool structural_ = false;  // threads may have become equal
};

}  // namespace nibble::grammar
