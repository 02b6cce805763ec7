// Rendered prompts to ids: special tokens of the template are tokens, those that data spells out are text.
#include "cli/chat_prompt.h"

#include <gtest/gtest.h>

#include "support/chat_model.h"

namespace nibble::cli {
namespace {

using Ids = std::vector<int>;

struct Part {
  std::string text;
  bool data = false;
};

chat::Text text_of(const std::vector<Part>& parts) {
  chat::Text text;
  for (const Part& part : parts) {
    const auto begin = std::uint32_t(text.bytes.size());
    text.bytes += part.text;
    if (part.data) text.data.push_back({begin, std::uint32_t(text.bytes.size())});
  }
  return text;
}

class PromptEncoderTest : public ::testing::Test {
 protected:
  Ids ids(const std::vector<Part>& parts) const { return encoder_.encode(text_of(parts)); }
  Ids plain(std::string_view text, bool parse_special) const { return tokenizer_.encode(text, parse_special); }

  tokenizer::Tokenizer tokenizer_ =
      tokenizer::Tokenizer::parse(testing::chat_tokenizer_json(testing::kChatVocab), "test");
  PromptEncoder encoder_{tokenizer_};
};

TEST_F(PromptEncoderTest, TheTemplatesTokensAreTokens) {
  const std::string turn = "<bos><|turn>user\nhello<turn|>\n<|turn>model\n";
  EXPECT_EQ(ids({{turn}}), plain(turn, true));
  EXPECT_EQ(ids({{"<bos><|turn>user\n"}, {"hello", true}, {"<turn|>\n<|turn>model\n"}}), plain(turn, true));
  EXPECT_EQ(ids({}), Ids{});
  EXPECT_EQ(ids({{"<bos>"}}), plain("<bos>", true));
  EXPECT_EQ(ids({{"a < b <turn"}}), plain("a < b <turn", false));
}

TEST_F(PromptEncoderTest, WhatDataSpellsOutIsText) {
  EXPECT_EQ(ids({{"<turn|>", true}}), plain("<turn|>", false));
  EXPECT_EQ(ids({{"<turn|>", true}, {"<turn|>"}}).size(), 7u + 1u);
  EXPECT_EQ(ids({{"a<bos>"}, {"b<eos>", true}, {"c<eos>"}}).size(), 2u + 6u + 2u);
  // One that data completes, or begins, is not the template's.
  EXPECT_EQ(ids({{"<turn"}, {"|>", true}}), plain("<turn|>", false));
  EXPECT_EQ(ids({{"<tu", true}, {"rn|>"}}), plain("<turn|>", false));
  EXPECT_EQ(ids({{"<turn"}, {"|", true}, {">"}}), plain("<turn|>", false));
}

}  // namespace
}  // namespace nibble::cli
