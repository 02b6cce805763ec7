// Gemma 4's special tokens: which texts are control where a turn comes as text, and which ids where it comes as ids.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::chat::turn {

inline constexpr std::string_view kThoughtBegins = "<|channel>", kThoughtEnds = "<channel|>";
inline constexpr std::string_view kCallBegins = "<|tool_call>", kCallEnds = "<tool_call|>";
inline constexpr std::string_view kQuote = "<|\"|>";  // around strings in arguments

// A stretch of a turn: ordinary text, or one special token.
struct Piece {
  std::string text;
  bool special = false;
  bool operator==(const Piece&) const = default;
};

// Text in which the texts of special tokens stand for the tokens. One that is cut between two pushes is still one.
class PieceSplitter {
 public:
  std::vector<Piece> push(std::string_view text);
  std::vector<Piece> finish();

 private:
  std::string unread_;  // the beginning of a special token, perhaps
};

// Makes those special pieces text that are not among `ids`. Without a tokenizer nobody can tell which of two equal texts
// is the token: the later ones are, since a text that quotes a marker stands before the marker that ends it.
void keep_special(std::vector<Piece>& pieces, std::span<const int> ids);

// Whether a model that continues `prompt` is inside a thought. Markers that a user's text spells out come before those
// that end that text, so only the last one counts.
bool ends_in_thought(std::string_view prompt);

}  // namespace nibble::chat::turn
