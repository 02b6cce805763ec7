// An answer's tokens to text: what the user is to read, and apart from it what the model thinks before it answers.
#pragma once

#include <string>
#include <vector>

#include "chat/turn/token_reader.h"
#include "chat/turn/turn_parser.h"
#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"

namespace nibble::cli {

struct Said {
  std::string answer, thought;  // the thought comes before the answer
};

class AnswerReader {
 public:
  // `tokenizer` outlives it. Stop strings are looked for in the answer, not in thoughts.
  AnswerReader(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop);

  Said push(int id);  // what is certain now
  Said finish();      // what was held back, at the end
  bool stopped() const { return stop_.matched().has_value(); }

 private:
  void add(Said& said, const chat::turn::Events& events);

  chat::turn::TokenReader tokens_;
  chat::turn::TurnParser parser_;
  tokenizer::StopMatcher stop_;
  bool in_thought_ = false;  // the answer begins on a line of its own
};

}  // namespace nibble::cli
