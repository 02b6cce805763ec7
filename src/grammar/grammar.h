// Structured output: a JSON Schema, a regular expression or a list of choices as an automaton over bytes, and the mask
// of tokens it allows next.
//
//   schema --read--> formula of assertions (expression.h)          schema_reader.h
//          --for one type--> ways to fulfil it (and, or, not)      normal_form.h
//          --> program: tables for strings and numbers; counters and a table of keys for each way to be
//              an array or an object                               compiler.h, dfa.h, program.h
//   Matcher: the places in that program where the bytes so far may have led, one thread each   machine.h
//   mask:    a walk through a trie of the vocabulary, which stops where no thread goes on      token_trie.h
//
// The automaton is exact: it accepts each JSON text of each valid value, keys in any order, and no other; what it can't
// hold is refused by the name of the keyword when it is compiled. A mask is narrower only in how numbers are spelled:
// without exponent where they have bounds, without zeros at the end where they are whole or listed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "grammar/machine.h"
#include "grammar/token_trie.h"

namespace nibble::grammar {

struct Tool {
  std::string name;
  json::value parameters;  // a schema
};

// Each throws Error for what is malformed, not supported, or beyond Limits.
class Grammar {
 public:
  static Grammar json_schema(const json::value& schema);
  static Grammar json_object();
  static Grammar regex(std::string_view pattern);  // the whole text
  // A call of one of the tools, or one behind the other where `many`, as Gemma writes them.
  static Grammar tool_calls(std::span<const Tool> tools, bool many);
  static Grammar choice(const std::vector<std::string>& texts);

  const Program& program() const { return program_; }
  std::uint64_t memory_bytes() const;

 private:
  explicit Grammar(Program program) : program_(std::move(program)) {}
  Program program_;
};

// Reads one text. A copy is a point to come back to.
class Matcher {
 public:
  explicit Matcher(const Grammar& grammar);  // which must outlive it

  // False, and nothing changes, where no accepted text goes on like this.
  bool advance(std::string_view bytes);
  bool may_end() const;
  // Sets a bit for each token that may come next; an end token may where the text may end. Overwrites `allowed`.
  void mask(const TokenTrie& trie, std::span<std::uint64_t> allowed);

 private:
  bool adds_plain_text(const TokenTrie& trie, std::span<std::uint64_t> allowed) const;
  template <typename Trie>
  void walk(const TokenTrie& tokens, const Trie& trie, std::span<std::uint64_t> allowed);

  const Program* program_;
  Pool pool_;
  std::vector<Thread> threads_;
  std::size_t compact_at_ = 256;  // frames
};

}  // namespace nibble::grammar
