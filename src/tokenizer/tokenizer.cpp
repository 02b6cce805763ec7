#include "tokenizer/tokenizer.h"

#include "base/error.h"
#include "base/file.h"
#include "tokenizer/utf8.h"

namespace nibble::tokenizer {

Tokenizer Tokenizer::load(const std::string& directory) {
  const std::string path = directory + "/tokenizer.json";
  return parse(read_text_file(path, 256u << 20), path);
}

// ---- encoding

namespace {

// Calls on_text for each stretch between added tokens and on_token for each of them. A special one that is not to be
// parsed still hides what lies under it from the search, and stays part of the text: so does the reference.
template <typename OnText, typename OnToken>
void split_at_added(const AddedTokens& added, std::string_view text, bool parse_special, OnText on_text,
                    OnToken on_token) {
  std::size_t done = 0;
  for (std::optional<AddedTokens::Match> match = added.find(text, 0); match; match = added.find(text, match->end)) {
    if (match->special && !parse_special) continue;
    if (match->begin > done) on_text(text.substr(done, match->begin - done));
    on_token(match->id);
    done = match->end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace

std::vector<int> Tokenizer::encode(std::string_view text, bool parse_special) const {
  if (text.size() > kMaxTextBytes)
    throw Error("text to encode: expected at most {} bytes, found {}", kMaxTextBytes, text.size());
  if (const std::optional<std::size_t> at = find_invalid_utf8(text))
    throw Error("text to encode: byte {} (0x{:02x}) does not begin a UTF-8 character", *at, std::uint8_t(text[*at]));
  std::vector<int> ids;
  Bpe::Scratch scratch(text.size());
  encode_text(text, parse_special, scratch, ids);
  return ids;
}

void Tokenizer::encode_text(std::string_view text, bool parse_special, Bpe::Scratch& scratch,
                            std::vector<int>& ids) const {
  const auto on_token = [&](int id) { ids.push_back(id); };
  const auto on_piece = [&](std::string_view piece) { encode_piece(piece, scratch, ids); };
  const auto on_text = [&](std::string_view raw) {
    std::string normalized(raw);
    for (const Replacement& replacement : normalizer_) replacement.apply(normalized);
    split_at_added(normalized_added_, normalized, parse_special, on_piece, on_token);
  };
  split_at_added(raw_added_, text, parse_special, on_text, on_token);
}

void Tokenizer::encode_piece(std::string_view piece, Bpe::Scratch& scratch, std::vector<int>& ids) const {
  while (!split_behind_.empty()) {
    const std::size_t at = piece.find(split_behind_);
    if (at == std::string_view::npos) break;
    bpe_.encode(piece.substr(0, at + split_behind_.size()), scratch, ids);
    piece.remove_prefix(at + split_behind_.size());
  }
  bpe_.encode(piece, scratch, ids);
}

// ---- decoding

void Tokenizer::check_id(int id) const {
  if (id < 0 || id >= n_vocab()) throw Error("token id: expected 0 to {}, found {}", n_vocab() - 1, id);
}

std::string_view Tokenizer::token_text(int id) const {
  check_id(id);
  return vocabulary_.text(id);
}

bool Tokenizer::is_special(int id) const {
  check_id(id);
  return special_[std::size_t(id)];
}

void Tokenizer::decode_into(DecodedText& text, int id, bool skip_special) const {
  check_id(id);
  if (!vocabulary_.has(id) || (skip_special && special_[std::size_t(id)])) return;
  std::string token(vocabulary_.text(id));
  for (const Replacement& replacement : decoder_.replacements) replacement.apply(token);
  if (const std::optional<std::uint8_t> byte = decoder_.byte_of(token))
    text.push_byte(*byte);
  else
    text.push_text(token);
}

std::string Tokenizer::decode(std::span<const int> ids, bool skip_special) const {
  DecodedText text;
  for (const int id : ids) decode_into(text, id, skip_special);
  return text.str();
}

std::string Tokenizer::bytes_of(int id) const {
  std::string token(token_text(id));
  for (const Replacement& replacement : decoder_.replacements) replacement.apply(token);
  const std::optional<std::uint8_t> byte = decoder_.byte_of(token);
  return byte ? std::string(1, char(*byte)) : token;
}

}  // namespace nibble::tokenizer
