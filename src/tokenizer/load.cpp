// What tokenizer.json says, part by part: each is understood entirely or refused by name.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "tokenizer/tokenizer.h"

namespace nibble::tokenizer {
namespace {

[[noreturn]] void refuse(const JsonFields& fields, std::string_view what, std::string_view supported) {
  throw Error("{}: {} is not supported; supported: {}", fields.source(), what, supported);
}

std::string quoted_type(const JsonFields& fields) { return fmt::format("type \"{}\"", fields.string("type")); }

std::vector<JsonFields> objects(const JsonFields& fields, std::string_view key) {
  const json::value* value = fields.find(key);
  if (value == nullptr) throw Error("{}: \"{}\" is missing", fields.source(), key);
  const json::array* list = value->if_array();
  if (list == nullptr) throw Error("{}: \"{}\": expected a list of objects", fields.source(), key);
  std::vector<JsonFields> all;
  for (std::size_t i = 0; i < list->size(); ++i)
    all.emplace_back((*list)[i], fmt::format("{}: {}[{}]", fields.source(), key, i));
  return all;
}

// {"String": "x"}; a regular expression is the other form there is.
std::string literal_pattern(const JsonFields& fields) {
  const std::optional<JsonFields> pattern = fields.object("pattern");
  if (!pattern) throw Error("{}: \"pattern\" is missing", fields.source());
  if (!pattern->has("String")) refuse(fields, "a \"pattern\" that is no \"String\"", "String");
  std::string text = pattern->string("String");
  if (text.empty()) throw Error("{}: \"pattern\" is empty", fields.source());
  return text;
}

Replacement read_replacement(const JsonFields& fields) {
  return {.pattern = literal_pattern(fields), .content = fields.string("content")};
}

}  // namespace

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, const std::string& source) {
  TokenizerJson file = read_tokenizer_json(tokenizer_json, source);
  const JsonFields root(file.rest, source);
  // "truncation" and "padding" hold what the last program to save the file had set for its own calls, and every
  // program that loads one sets its own: they say nothing about text and ids.
  Tokenizer tokenizer;
  tokenizer.read_model(root, file);
  tokenizer.vocabulary_ = std::move(file.vocabulary);
  tokenizer.read_normalizer(root);
  tokenizer.read_added_tokens(root);
  tokenizer.read_pre_tokenizer(root);
  tokenizer.read_decoder(root);
  tokenizer.read_post_processor(root);
  return tokenizer;
}

void Tokenizer::read_model(const JsonFields& root, const TokenizerJson& file) {
  const std::optional<JsonFields> model = root.object("model");
  if (!model) throw Error("{}: \"model\" is missing", root.source());
  if (model->string("type") != "BPE") refuse(*model, quoted_type(*model), "BPE");
  for (const auto& [key, kind] : {std::pair("vocab", "an object"), std::pair("merges", "a list")}) {
    if (!model->has(key)) throw Error("{}: \"{}\" is missing", model->source(), key);
    if (!model->find(key)->is_bool() || !model->find(key)->get_bool())
      throw Error("{}: \"{}\": expected {}", model->source(), key, kind);
  }
  if (file.vocabulary.size() == 0) throw Error("{}: \"vocab\" is empty", model->source());
  if (model->number("dropout", 0) != 0) refuse(*model, "\"dropout\"", "null");
  if (!model->string("continuing_subword_prefix", "").empty()) refuse(*model, "\"continuing_subword_prefix\"", "null");
  if (!model->string("end_of_word_suffix", "").empty()) refuse(*model, "\"end_of_word_suffix\"", "null");
  if (model->boolean("ignore_merges", false)) refuse(*model, "\"ignore_merges\": true", "false");
  BpeModel bpe = {.byte_fallback = model->boolean("byte_fallback", false),
                  .fuse_unk = model->boolean("fuse_unk", false),
                  .unk_token = std::nullopt,
                  .merges = file.merges()};
  if (model->has("unk_token")) bpe.unk_token = model->string("unk_token");
  bpe_ = Bpe(file.vocabulary, bpe, root.source());
}

void Tokenizer::read_added_tokens(const JsonFields& root) {
  special_.assign(std::size_t(n_vocab()), false);
  if (!root.has("added_tokens")) return;
  std::set<std::string> seen;
  int next_id = vocabulary_.n_tokens();
  for (const JsonFields& token : objects(root, "added_tokens")) {
    const int id = int(token.integer("id", {.min = 0, .max = Vocabulary::kMaxTokens - 1}));
    const std::string content = token.string("content");
    const std::string& where = token.source();
    if (content.empty() || content.size() > AddedTokens::kMaxBytes)
      throw Error("{}: \"content\": expected 1 to {} bytes, found {}", where, AddedTokens::kMaxBytes, content.size());
    if (!seen.insert(content).second) throw Error("{}: \"{}\" is added twice", where, content);
    for (const char* key : {"single_word", "lstrip", "rstrip"})
      if (token.boolean(key, false)) refuse(token, fmt::format("\"{}\": true", key), "false");

    // The reference takes the id from the vocabulary, or counts on behind it; a file that says otherwise would be
    // read in two ways.
    const std::optional<int> known = vocabulary_.find(content);
    if (known && *known != id)
      throw Error("{}: \"{}\" has id {} here and id {} in model.vocab", where, content, id, *known);
    if (vocabulary_.has(id) && !known)
      throw Error("{}: \"{}\" has id {}, which is that of \"{}\"", where, content, id, vocabulary_.text(id));
    if (!known && id != next_id)
      throw Error("{}: \"{}\" is not in model.vocab: expected id {}, found {}", where, content, next_id, id);
    if (!known) vocabulary_.add(content, id);
    next_id = std::max(next_id, id + 1);
    special_.resize(std::size_t(n_vocab()), false);
    const bool special = token.boolean("special", false);
    special_[std::size_t(id)] = special;
    if (token.boolean("normalized", !special)) {
      std::string normalized = content;
      for (const Replacement& replacement : normalizer_) replacement.apply(normalized);
      if (normalized != content)
        refuse(token, fmt::format("\"normalized\": true of \"{}\", which the normalizer changes,", content), "false");
      normalized_added_.add(content, id, special);
    } else {
      raw_added_.add(content, id, special);
    }
  }
  raw_added_.finish();
  normalized_added_.finish();
}

void Tokenizer::read_normalizer(const JsonFields& root) {
  const std::optional<JsonFields> normalizer = root.object("normalizer");
  if (!normalizer) return;
  std::vector<JsonFields> steps = {*normalizer};
  if (normalizer->string("type") == "Sequence") steps = objects(*normalizer, "normalizers");
  for (const JsonFields& step : steps) {
    if (step.string("type") != "Replace") refuse(step, quoted_type(step), "Replace, or a Sequence of them");
    normalizer_.push_back(read_replacement(step));
  }
}

void Tokenizer::read_pre_tokenizer(const JsonFields& root) {
  const std::optional<JsonFields> splitter = root.object("pre_tokenizer");
  if (!splitter) return;
  if (splitter->string("type") != "Split") refuse(*splitter, quoted_type(*splitter), "Split");
  if (const std::string behavior = splitter->string("behavior"); behavior != "MergedWithPrevious")
    refuse(*splitter, fmt::format("\"behavior\": \"{}\"", behavior), "MergedWithPrevious");
  if (splitter->boolean("invert", false)) refuse(*splitter, "\"invert\": true", "false");
  split_behind_ = literal_pattern(*splitter);
}

void Tokenizer::read_decoder(const JsonFields& root) {
  const std::optional<JsonFields> decoder = root.object("decoder");
  if (!decoder) throw Error("{}: \"decoder\" is missing", root.source());
  std::vector<JsonFields> steps = {*decoder};
  if (decoder->string("type") == "Sequence") steps = objects(*decoder, "decoders");
  // Replace..., ByteFallback, Fuse: in this order each token's text is final before bytes are put together.
  int done = 0;
  for (const JsonFields& step : steps) {
    const std::string type = step.string("type");
    const int place = type == "Replace" ? 1 : type == "ByteFallback" ? 2 : type == "Fuse" ? 3 : 0;
    if (place == 0) refuse(step, quoted_type(step), "Replace, ByteFallback, Fuse");
    if (place < done || (place == done && place > 1))
      refuse(step, fmt::format("{} behind what stands before it", type), "the order Replace, ByteFallback, Fuse");
    done = place;
    if (place == 1) decoder_.replacements.push_back(read_replacement(step));
    if (place == 2) decoder_.byte_fallback = true;
  }
}

void Tokenizer::read_post_processor(const JsonFields& root) {
  const std::optional<JsonFields> processor = root.object("post_processor");
  if (!processor) return;
  if (processor->string("type") != "TemplateProcessing")
    refuse(*processor, quoted_type(*processor), "TemplateProcessing");
  const std::optional<JsonFields> tokens = processor->object("special_tokens");
  bool behind_text = false;
  for (const JsonFields& item : objects(*processor, "single")) {
    if (item.has("Sequence")) {
      if (behind_text) refuse(item, "a second Sequence", "one");
      behind_text = true;
      continue;
    }
    const std::optional<JsonFields> special = item.object("SpecialToken");
    if (!special) refuse(item, "an item of this kind", "Sequence, SpecialToken");
    const std::string name = special->string("id");
    const std::optional<JsonFields> token = tokens ? tokens->object(name) : std::nullopt;
    const json::value* ids = token ? token->find("ids") : nullptr;
    if (ids == nullptr || !ids->is_array())
      throw Error("{}: \"special_tokens\" gives no ids of \"{}\"", processor->source(), name);
    for (const json::value& id : ids->get_array()) {
      const json::object one = {{"id", id}};
      const std::int64_t checked = JsonFields(one, token->source()).integer("id", {.min = 0, .max = n_vocab() - 1});
      (behind_text ? suffix_ : prefix_).push_back(int(checked));
    }
  }
  if (!behind_text) throw Error("{}: \"single\" has no Sequence", processor->source());
}

}  // namespace nibble::tokenizer
