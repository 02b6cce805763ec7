// Text <-> ids after a model's tokenizer.json, as Hugging Face's tokenizers library does it for the files of the Gemma
// family: added tokens are found in the raw text, the normalizer replaces (" " -> "▁"), the pre-tokenizer splits, and
// BPE encodes each piece. A file that asks for anything else is refused when it is loaded, by the name of what it asks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/vocabulary.h"

namespace nibble::tokenizer {

// Safe to use from any number of threads: nothing changes after loading.
class Tokenizer {
 public:
  // Encoding takes up to 40 bytes of memory a byte of text.
  static constexpr std::size_t kMaxTextBytes = 256u << 20;

  static Tokenizer load(const std::string& directory);  // reads directory/tokenizer.json
  static Tokenizer parse(std::string_view tokenizer_json, const std::string& source);

  // `parse_special` true: the texts of special tokens become these tokens; false: they are text like any other.
  // Nothing is added (see prefix()). Text that is not UTF-8 is an Error that names the byte.
  std::vector<int> encode(std::string_view text, bool parse_special) const;
  std::string decode(std::span<const int> ids, bool skip_special) const;

  int n_vocab() const { return vocabulary_.size(); }  // highest id + 1
  std::optional<int> id_of(std::string_view token) const { return vocabulary_.find(token); }
  std::string_view token_text(int id) const;  // as in the file; empty for an id that the file leaves out
  bool is_special(int id) const;
  // What the post-processor puts before and behind a text: <bos> for pretrained models, nothing for -it ones.
  std::span<const int> prefix() const { return prefix_; }
  std::span<const int> suffix() const { return suffix_; }

  // Adds one more token to the end of `text`; decode() and the streams are made of this.
  void decode_into(DecodedText& text, int id, bool skip_special) const;
  // The bytes a token stands for: its text, or, for a byte of a character that has no token, that byte.
  std::string bytes_of(int id) const;

 private:
  void read_added_tokens(const JsonFields& root);  // after the model: the merges know nothing of them
  void read_normalizer(const JsonFields& root);
  void read_pre_tokenizer(const JsonFields& root);
  void read_model(const JsonFields& root, const TokenizerJson& file);
  void read_decoder(const JsonFields& root);
  void read_post_processor(const JsonFields& root);
  void check_id(int id) const;
  void encode_text(std::string_view text, bool parse_special, Bpe::Scratch& scratch, std::vector<int>& ids) const;
  void encode_piece(std::string_view piece, Bpe::Scratch& scratch, std::vector<int>& ids) const;

  Vocabulary vocabulary_;         // added tokens included
  std::vector<bool> special_;     // by id
  AddedTokens raw_added_;         // found in the raw text
  AddedTokens normalized_added_;  // found after the normalizer
  std::vector<Replacement> normalizer_;
  std::string split_behind_;  // the pre-tokenizer: a piece ends behind each of these; empty: no splitting
  Bpe bpe_;
  Decoder decoder_;
  std::vector<int> prefix_, suffix_;
};

}  // namespace nibble::tokenizer
