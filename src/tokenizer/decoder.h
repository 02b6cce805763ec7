// Ids back to text, after the rules of tokenizer.json's decoder: each token's text has its replacements done; tokens
// named <0xNN> are bytes, a run of which is one unit: the text it spells, or, where it is no UTF-8, U+FFFD for each byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/utf8.h"

namespace nibble::tokenizer {

// "▁" -> " " and its like: every occurrence, from the left.
struct Replacement {
  std::string pattern;  // not empty
  std::string content;

  void apply(std::string& text) const;
};

struct Decoder {
  std::vector<Replacement> replacements;
  bool byte_fallback = false;

  // The byte that `text`, a token's after its replacements, stands for.
  std::optional<std::uint8_t> byte_of(std::string_view text) const;
};

// The text of tokens that come one after the other, as it stands: the last run of bytes may still turn out otherwise.
class DecodedText {
 public:
  void push_text(std::string_view text);
  void push_byte(std::uint8_t byte);

  std::size_t size() const { return closed_.size() + run_size(); }
  bool ends_in_replacement() const;
  std::string str() const;

 private:
  std::size_t run_size() const { return state_.complete() ? run_.size() : run_.size() * kReplacementCharacter.size(); }
  void append_run(std::string& text) const;

  std::string closed_;  // what no later token can change
  std::string run_;     // bytes since then
  Utf8State state_;     // of run_
};

}  // namespace nibble::tokenizer
