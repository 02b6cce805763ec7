// One answer's text as its tokens arrive: nothing is shown that a later token could change, or that may turn out to be
// the beginning of a stop string.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"

namespace nibble::engine {

class TextStream {
 public:
  enum class Special { kSkip, kKeep };
  // `tokenizer` outlives it.
  TextStream(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop, Special special);

  std::string push(int id);  // the text that is certain now; empty behind a stop string
  std::string finish();      // what was held back, at the end of the answer
  bool stopped() const { return stop_.matched().has_value(); }

 private:
  int n_vocab_;
  tokenizer::StreamDecoder decoder_;
  tokenizer::StopMatcher stop_;
};

}  // namespace nibble::engine
