// tokenizer.json, read in one pass. Its two large parts (32 MB of text for Gemma 4) go straight into flat arrays; the
// rest becomes a JSON value, read under the rules of base/json.h: bounded depth, no key twice in one object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tokenizer/vocabulary.h"

namespace nibble::tokenizer {

struct TokenizerJson {
  json::value rest;         // model.vocab and model.merges are true here where they were an object and a list
  Vocabulary vocabulary;    // model.vocab
  std::string merge_texts;  // model.merges, one text behind the other
  std::vector<std::uint32_t> merge_ends;  // into merge_texts: left, right, left, right, ...

  std::vector<std::string_view> merges() const;
};

TokenizerJson read_tokenizer_json(std::string_view text, const std::string& source);

}  // namespace nibble::tokenizer
