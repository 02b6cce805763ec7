// The turns of a conversation to the token ids of its next prompt, by the model's chat template.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "chat/load.h"
#include "tokenizer/tokenizer.h"

namespace nibble::cli {

// The ids of a rendered prompt. Special tokens are those that the template wrote: spelled out in what came from data,
// they are text.
class PromptEncoder {
 public:
  explicit PromptEncoder(const tokenizer::Tokenizer& tokenizer);  // which outlives it
  std::vector<int> encode(const chat::Text& prompt) const;

 private:
  std::optional<std::pair<std::size_t, int>> special_at(const chat::Text& prompt, std::size_t at) const;

  const tokenizer::Tokenizer& tokenizer_;
  std::vector<std::pair<std::string, int>> specials_;  // longest first
  std::array<bool, 256> begins_special_{};             // by a text's first byte
};

class ChatPrompt {
 public:
  struct Options {
    std::string template_file;  // empty: the model's own
    bool enable_thinking = false;
  };
  ChatPrompt(const std::string& model_directory, const Options& options, const tokenizer::Tokenizer& tokenizer);

  // `messages`: [{"role", "content"}, ...].
  std::vector<int> ids(const json::array& messages) const;

 private:
  chat::ChatTemplate template_;
  bool enable_thinking_;
  PromptEncoder encoder_;
};

}  // namespace nibble::cli
