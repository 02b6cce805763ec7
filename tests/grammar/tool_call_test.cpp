// Calls of tools as Gemma writes them.
#include <gtest/gtest.h>

#include <string>

#include "grammar/grammar.h"
#include "support/error_text.h"

namespace nibble::grammar {
namespace {

using nibble::testing::replaced;

// Special tokens, spelled as the tries spell them.
std::string special(std::string text) {
  for (const char* token : {"<|tool_call>", "<tool_call|>", "<|\"|>"})
    text = replaced(text, token, "\xFF" + std::string(token));
  return text;
}

Tool tool(const std::string& name, const char* parameters) { return {name, parse_json(parameters, "parameters")}; }

const std::vector<Tool>& tools() {
  static const std::vector<Tool> list = {
      tool(
          "weather",
          R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1}},"required":["city"],"additionalProperties":false})"),
      tool(
          "set",
          R"({"type":"object","properties":{"on":{"type":"boolean"},"tags":{"type":"array","items":{"enum":["a","b"]}},"at":{"type":"object","properties":{"x":{"type":"number"}}}}})"),
  };
  return list;
}

bool accepts(const Grammar& grammar, const std::string& text) {
  Matcher matcher(grammar);
  return matcher.advance(special(text)) && matcher.may_end();
}

TEST(ToolCall, ArgumentsFollowTheirSchema) {
  const Grammar grammar = Grammar::tool_calls(tools(), false);
  for (const char* text : {R"(<|tool_call>call:weather{city:<|"|>São "Paulo"\n<|"|>,days:3}<tool_call|>)",
                           R"(<|tool_call>call:weather{days:12,city:<|"|><|"|>}<tool_call|>)",
                           R"(<|tool_call>call:set{on:true,tags:[<|"|>a<|"|>,<|"|>b<|"|>],at:{x:-1.5}}<tool_call|>)",
                           R"(<|tool_call>call:set{}<tool_call|>)"})
    EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const char* text :
       {R"(<|tool_call>call:weather{}<tool_call|>)", R"(<|tool_call>call:weather{city:<|"|>x<|"|>,days:0}<tool_call|>)",
        R"(<|tool_call>call:weather{city:x}<tool_call|>)",
        R"(<|tool_call>call:weather{"city":<|"|>x<|"|>}<tool_call|>)", R"(<|tool_call>call:wet{}<tool_call|>)",
        R"(<|tool_call>call:set[]<tool_call|>)", R"(<|tool_call>call:set{tags:[<|"|>c<|"|>]}<tool_call|>)",
        R"(<|tool_call>call:set{}<tool_call|><|tool_call>call:set{}<tool_call|>)", R"(<|tool_call>call:set{})"})
    EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(ToolCall, TheMarksAreTokensAndNotText) {
  const Grammar grammar = Grammar::tool_calls(tools(), false);
  Matcher matcher(grammar);
  EXPECT_FALSE(Matcher(matcher).advance("<|tool_call>"));
  ASSERT_TRUE(matcher.advance(special("<|tool_call>call:weather{city:<|\"|>a")));
  EXPECT_TRUE(Matcher(matcher).advance("<|\""));
  EXPECT_FALSE(Matcher(matcher).advance("<|\"|>"));  // a parser of the text would end the string here
  EXPECT_TRUE(matcher.advance(special("<|\"|>}<tool_call|>")));
  EXPECT_TRUE(matcher.may_end());
}

TEST(ToolCall, ManyFollowOneAnother) {
  const Grammar grammar = Grammar::tool_calls(tools(), true);
  EXPECT_TRUE(
      accepts(grammar, R"(<|tool_call>call:set{}<tool_call|><|tool_call>call:weather{city:<|"|>x<|"|>}<tool_call|>)"));
  EXPECT_FALSE(accepts(grammar, ""));
}

TEST(ToolCall, MasksOfferTheMarks) {
  const auto tokenizer = tokenizer::Tokenizer::load(NIBBLE_SOURCE_DIR "/models/demo");
  const TokenTrie trie(tokenizer, {1});
  const Grammar grammar = Grammar::tool_calls(tools(), false);
  Matcher matcher(grammar);
  std::vector<std::uint64_t> bits(trie.n_words());
  const auto allowed = [&](const char* token) {
    matcher.mask(trie, bits);
    const int id = tokenizer.id_of(token).value();
    return (bits[std::size_t(id) / 64] >> (id % 64) & 1) != 0;
  };
  EXPECT_TRUE(allowed("<|tool_call>"));
  EXPECT_FALSE(allowed("<|\"|>"));
  ASSERT_TRUE(matcher.advance(special("<|tool_call>call:weather{city:")));
  EXPECT_TRUE(allowed("<|\"|>"));
  ASSERT_TRUE(matcher.advance(special("<|\"|>the ")));
  EXPECT_TRUE(allowed("<|\"|>"));
  EXPECT_FALSE(allowed("<tool_call|>"));
  ASSERT_TRUE(matcher.advance(special("<|\"|>}")));
  EXPECT_TRUE(allowed("<tool_call|>"));
  EXPECT_FALSE(allowed("<eos>"));
}

TEST(ToolCall, ErrorsNameTheTool) {
  EXPECT_EQ(nibble::testing::error_of(
                [] { Grammar::tool_calls(std::vector<Tool>{tool("f", R"({"type":"float"})")}, false); }),
            "tool \"f\": schema: #: \"type\" names no type: \"float\"");
}

}  // namespace
}  // namespace nibble::grammar
