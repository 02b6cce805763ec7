// A model to talk to in tests: the weights of the tiny text golden and, written here, a tokenizer of its size (ASCII,
// Gemma 4's turn and channel tokens, and bytes that are pieces of characters) and a chat template. Its answers are noise.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/json.h"
#include "support/goldens.h"
#include "support/process.h"

namespace nibble::testing {

// Gemma 4's turns without the optional parts.
inline constexpr const char* kTurnsTemplate =
    "{{ bos_token }}{% for m in messages %}<|turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] }}<turn|>\n{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% endif %}";

inline constexpr int kChatVocab = 192;      // of the tiny model; token n_vocab - 5 is <turn|>, the model's end token
inline constexpr int kAllBytesVocab = 361;  // with a token for every byte, so every text can be encoded

inline std::string chat_tokenizer_json(int n_vocab) {
  json::object vocab;
  json::array added;
  const auto add = [&](std::string_view text) { return vocab[text] = std::int64_t(vocab.size()), vocab.size() - 1; };
  const auto add_special = [&](std::string_view text) {
    const std::size_t id = add(text);
    added.push_back({{"id", id},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  };
  for (const char* text : {"<pad>", "<eos>", "<bos>", "<unk>"}) add_special(text);
  for (const char* text : {"\xe2\x96\x81", "\n"}) add(text);
  for (char c = '!'; c <= '~'; ++c) add(std::string(1, c));
  // As many bytes as there is room for, the highest: none of them is a character.
  const int first_byte = 0x100 - (n_vocab - 5 - int(vocab.size()));
  for (int byte = first_byte; byte < 0x100; ++byte) add(fmt::format("<0x{:02X}>", byte));
  for (const char* text : {"<turn|>", "<|turn>", "<|channel>", "<channel|>", "<|think|>"}) add_special(text);
  const json::object space_to_mark{{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xe2\x96\x81"}};
  const json::object mark_to_space{{"type", "Replace"}, {"pattern", {{"String", "\xe2\x96\x81"}}}, {"content", " "}};
  return json::serialize(json::object{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", space_to_mark},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "Sequence"}, {"decoders", {mark_to_space, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", "<unk>"},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", true},
        {"byte_fallback", first_byte == 0},
        {"ignore_merges", false},
        {"vocab", vocab},
        {"merges", json::array()}}}});
}

class ChatModel {
 public:
  ChatModel() {
    for (const auto& entry : std::filesystem::directory_iterator(own_goldens() / "model/text-e2b-like/model"))
      std::filesystem::copy_file(entry.path(), directory_.path() / entry.path().filename());
    std::ofstream(directory_.file("tokenizer.json")) << chat_tokenizer_json(kChatVocab);
    std::ofstream(directory_.file("tokenizer_config.json")) << R"({"bos_token": "<bos>", "eos_token": "<eos>"})";
    std::ofstream(directory_.file("chat_template.jinja")) << kTurnsTemplate;
  }
  std::string path() const { return directory_.path().string(); }
  std::string file(const std::string& name) const { return directory_.file(name); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace nibble::testing
