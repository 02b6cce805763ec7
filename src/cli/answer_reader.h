// An answer's tokens to text: what the user is to read, and apart from it what the model thinks before it answers
// (between <|channel> and <channel|>, told by their ids: the same words spelled out are text).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/text_stream.h"
#include "tokenizer/tokenizer.h"

namespace nibble::cli {

struct Said {
  std::string answer, thought;
};

class AnswerReader {
 public:
  // `tokenizer` outlives it. Stop strings are looked for in the answer, not in thoughts.
  AnswerReader(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop);

  Said push(int id);  // what is certain now
  Said finish();      // what was held back, at the end
  bool stopped() const { return answer_.stopped(); }

 private:
  std::string without_label(std::string text);

  const tokenizer::Tokenizer& tokenizer_;
  std::optional<int> thought_begins_, thought_ends_;  // ids, where the model has them
  engine::TextStream answer_;
  std::optional<engine::TextStream> thought_;  // while one lasts
  bool in_label_ = false;                      // a thought's first line says which channel it is
};

}  // namespace nibble::cli
