// The tokens of a turn as pieces: whole characters of text, and special tokens apart from them.
#pragma once

#include <vector>

#include "chat/turn/marker.h"
#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"

namespace nibble::chat::turn {

class TokenReader {
 public:
  explicit TokenReader(const tokenizer::Tokenizer& tokenizer);  // outlives it

  std::vector<Piece> push(int id);  // none, one, or what was held back and a special token

 private:
  const tokenizer::Tokenizer& tokenizer_;
  tokenizer::StreamDecoder decoder_;
};

}  // namespace nibble::chat::turn
