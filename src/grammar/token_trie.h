// A vocabulary as tries, made once for a model. In a string most tokens are allowed, and most tokens are plain:
// characters that a JSON string holds as they are, so that only the string's own table decides. Those are a trie of
// characters, with a ready set for each number of characters; the others are a trie of bytes, and so are all of
// them for other places.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace nibble::grammar {

// Nodes in the order of a walk that goes down first; a node's descendants are those up to `end`.
template <typename Unit>
struct Trie {
  struct Node {
    Unit unit;
    std::uint16_t depth;    // 1: a token's first unit
    std::uint16_t longest;  // depth of the deepest descendant
    std::int32_t token;     // -1: no token ends here
    std::uint32_t end;
  };
  std::vector<Node> nodes;
  std::uint16_t depth = 0;
};

class TokenTrie {
 public:
  static constexpr std::size_t kLongestPlain = 64;  // characters
  static constexpr std::size_t kLongest = 4096;     // bytes; a longer token is never allowed

  // `end_ids` are the tokens that end an answer.
  TokenTrie(const tokenizer::Tokenizer& tokenizer, std::vector<int> end_ids);

  int n_tokens() const { return n_tokens_; }
  std::size_t n_words() const { return std::size_t(n_tokens_ + 63) / 64; }  // of a mask
  std::span<const int> end_ids() const { return end_ids_; }
  const Trie<std::uint8_t>& all() const { return all_; }
  const Trie<std::uint8_t>& not_plain() const { return not_plain_; }
  const Trie<char32_t>& plain() const { return plain_; }
  std::span<const std::uint64_t> plain_up_to(std::size_t characters) const { return plain_up_to_[characters]; }
  std::size_t longest_plain() const { return plain_up_to_.size() - 1; }
  // What the tokens say to a grammar: a special token is a byte that no text has, and its own text.
  static std::string bytes_of(const tokenizer::Tokenizer& tokenizer, int id);

  // Sets the bits of a node's token and of all that have the same bytes.
  void allow(int token, std::span<std::uint64_t> allowed) const {
    for (; token >= 0; token = same_[std::size_t(token)])
      allowed[std::size_t(token) / 64] |= std::uint64_t(1) << (token % 64);
  }

 private:
  int n_tokens_ = 0;
  std::vector<int> end_ids_;
  std::vector<int> same_;  // by token: another one with the same bytes; -1: none
  Trie<std::uint8_t> all_, not_plain_;
  Trie<char32_t> plain_;
  std::vector<std::vector<std::uint64_t>> plain_up_to_;
};

}  // namespace nibble::grammar
