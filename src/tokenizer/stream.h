// Tokens to text while they are being generated.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace nibble::tokenizer {

// One token in, the text that is certain now out. What the reference server sends, character for character: a text that
// ends in U+FFFD waits for the next token, since bytes still to come may complete a character, and a byte that spoils a
// character already sent begins a new stream. Each token is looked at a constant number of times.
class StreamDecoder {
 public:
  struct Options {
    bool skip_special = true;
    std::span<const int> prompt_ids = {};  // come before the first token; their own text is not sent
  };
  StreamDecoder(const Tokenizer& tokenizer, const Options& options);  // `tokenizer` outlives it

  std::string push(int id);                   // whole characters; empty while nothing is certain
  int restarts() const { return restarts_; }  // how often sent text turned out to be no character

 private:
  std::optional<std::string> advance(int id);  // nullopt: what has been sent is no longer a prefix

  const Tokenizer* tokenizer_;
  bool skip_special_;
  // Two overlapping windows: the tokens since the text before the last one was sent, and those since the last one. The
  // first shows how a token reads behind its predecessors; `sent_` is how far its text has gone out.
  DecodedText window_, pending_;
  std::string sent_;
  int restarts_ = 0;
};

// Ends a text where one of the stop strings has come up. Text that could still become one is held back, and no more.
// After each token the stop strings are tried in their order, so of two that end in the same token the first wins.
class StopMatcher {
 public:
  struct Options {
    std::vector<std::string> stops;  // none is empty
    bool include_in_output = false;  // the text ends behind the stop string, not before it
    int min_tokens = 0;              // a stop string that ends within so many tokens is text
  };
  explicit StopMatcher(const Options& options);

  // The text of one more token (empty counts as a token too) -> text that is certain to stay. Not after a match.
  std::string push(std::string_view text);
  std::string finish();  // the text held back, when generation ends without a match
  const std::optional<std::string>& matched() const { return matched_; }
  int tokens_kept() const { return tokens_kept_; }  // pushed so far, the one that completed the match included

 private:
  // Knuth-Morris-Pratt, fed a byte at a time.
  struct Stop {
    std::string text;
    std::vector<std::size_t> border;  // border[n]: the longest proper prefix of text[0, n) that also ends it
    std::size_t n_matched = 0;        // bytes of `text` that the input ends with
  };

  std::vector<Stop> stops_;
  bool include_in_output_;
  int min_tokens_;
  int tokens_kept_ = 0;
  std::string held_;
  std::optional<std::string> matched_;
};

}  // namespace nibble::tokenizer
