#include "chat/turn/token_reader.h"

#include <string_view>

namespace nibble::chat::turn {

TokenReader::TokenReader(const tokenizer::Tokenizer& tokenizer)
    : tokenizer_(tokenizer), decoder_(tokenizer, {.skip_special = false}) {}

std::vector<Piece> TokenReader::push(int id) {
  // A model may have rows behind its tokenizer's last token: they have no text.
  if (id >= tokenizer_.n_vocab()) return {};
  std::string text = decoder_.push(id);
  if (!tokenizer_.is_special(id))
    return text.empty() ? std::vector<Piece>{} : std::vector<Piece>{{std::move(text), false}};
  // Halves of a character that the token cuts off come out in front of it.
  const std::string_view token = tokenizer_.token_text(id);
  if (text.ends_with(token)) text.resize(text.size() - token.size());
  std::vector<Piece> pieces;
  if (!text.empty()) pieces.push_back({std::move(text), false});
  pieces.push_back({std::string(token), true});
  return pieces;
}

}  // namespace nibble::chat::turn
