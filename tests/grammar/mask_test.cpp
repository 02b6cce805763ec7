// Masks, token by token against the automaton that they are made of.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace nibble::grammar {
namespace {

class Mask : public ::testing::Test {
 protected:
  Mask() : tokenizer_(tokenizer::Tokenizer::load(NIBBLE_SOURCE_DIR "/models/demo")), trie_(tokenizer_, {kEnd}) {}

  std::vector<bool> mask(Matcher& matcher) {
    std::vector<std::uint64_t> bits(trie_.n_words(), ~std::uint64_t(0));
    matcher.mask(trie_, bits);
    std::vector<bool> allowed;
    for (int id = 0; id < trie_.n_tokens(); ++id) allowed.push_back(bits[std::size_t(id) / 64] >> (id % 64) & 1);
    return allowed;
  }

  // A token may come exactly if the automaton goes on with its bytes.
  void expect_exact(Matcher& matcher, const std::string& before) {
    const std::vector<bool> allowed = mask(matcher);
    for (int id = 0; id < trie_.n_tokens(); ++id) {
      Matcher next = matcher;
      const std::string bytes = TokenTrie::bytes_of(tokenizer_, id);
      const bool goes_on = id == kEnd ? matcher.may_end() : !bytes.empty() && bytes != "\xFF" && next.advance(bytes);
      ASSERT_EQ(allowed[std::size_t(id)], goes_on) << "token '" << bytes << "' behind '" << before << "'";
    }
  }

  void expect_exact_along(const Grammar& grammar, const std::string& text) {
    Matcher matcher(grammar);
    expect_exact(matcher, "");
    for (std::size_t i = 0; i < text.size(); ++i) {
      ASSERT_TRUE(matcher.advance(text.substr(i, 1))) << text.substr(0, i + 1);
      expect_exact(matcher, text.substr(0, i + 1));
    }
    EXPECT_TRUE(matcher.may_end());
  }

  static Grammar schema(const char* text) { return Grammar::json_schema(parse_json(text, "schema")); }

  static constexpr int kEnd = 1;
  tokenizer::Tokenizer tokenizer_;
  TokenTrie trie_;
};

TEST_F(Mask, IsExactForObjects) {
  expect_exact_along(schema(R"({"type":"object","properties":{"name":{"type":"string"},"tag":{"enum":["a","the"]}},
                                "required":["name"],"additionalProperties":false})"),
                     R"({"tag": "the","name":"An\u00e9"})");
}

TEST_F(Mask, IsExactForOpenObjects) {
  expect_exact_along(schema(R"({"type":"object","properties":{"the":false}})"),
                     R"({"a":{"b":[true]},"th":null,"a b":""} )");
}

TEST_F(Mask, IsExactForStrings) {
  expect_exact_along(schema(R"({"type":"string","maxLength":9})"), "\"a 臺\\n the\"");
  expect_exact_along(schema(R"({"type":"string","pattern":"^[a-m ]*$"})"), "\"a ma\"");
  expect_exact_along(
      schema(R"({"anyOf":[{"type":"array","items":{"maxLength":2}},{"type":"array","items":{"pattern":"^t"}}]})"),
      R"(["to","the"])");
}

TEST_F(Mask, IsExactForText) {
  expect_exact_along(Grammar::regex("(the|a) [a-z]+\\.\\n?"), "the cat.\n");
  expect_exact_along(Grammar::choice({"the", "then", "臺北"}), "臺北");
}

// Bounded numbers: the mask keeps to plain spellings, and never leads to where none is left.
TEST_F(Mask, SpellsBoundedNumbersPlainly) {
  const Grammar grammar = schema(R"({"type":"integer","minimum":3,"maximum":120})");
  Matcher matcher(grammar);
  const auto first_bytes = [&] {
    std::string bytes;
    const std::vector<bool> allowed = mask(matcher);
    for (int id = 0; id < trie_.n_tokens(); ++id) {
      const std::string token = TokenTrie::bytes_of(tokenizer_, id);
      if (allowed[std::size_t(id)] && token.size() == 1 && token[0] > ' ') bytes += token;
    }
    std::sort(bytes.begin(), bytes.end());
    bytes.erase(std::unique(bytes.begin(), bytes.end()), bytes.end());
    return bytes;
  };
  EXPECT_EQ(first_bytes(), "123456789");
  ASSERT_TRUE(matcher.advance("12"));
  EXPECT_EQ(first_bytes(), "0");
  ASSERT_TRUE(matcher.advance("0"));
  EXPECT_EQ(first_bytes(), "");
  EXPECT_TRUE(mask(matcher)[kEnd]);
}

// Whatever a model prefers, what a mask lets through can be brought to an end and is then valid.
TEST_F(Mask, NeverLeadsToADeadEnd) {
  std::uint64_t seed = 1;
  for (
      const char* text : {
          R"({"type":"object","properties":{"a":{"type":"integer","minimum":-5,"exclusiveMaximum":17},"b":{"type":"array","items":{"type":"number","multipleOf":0.5},"maxItems":3},"c":{"type":"string","pattern":"^(a|b)+$","maxLength":4}},"required":["a","b","c"],"additionalProperties":false})",
          R"({"type":"array","items":{"enum":["a","b",1,2.5,null]},"minItems":2,"maxItems":4})",
          R"({"type":"object","minProperties":2,"maxProperties":3,"required":["x"],"propertyNames":{"pattern":"^[xyz]+$"}})",
          R"({"type":"array","contains":{"type":"integer","multipleOf":3},"items":{"type":"integer","minimum":0,"maximum":50},"minContains":2,"maxItems":3})",
      }) {
    const Grammar grammar = schema(text);
    for (int run = 0; run < 20; ++run) {
      Matcher matcher(grammar);
      std::string written;
      for (int n = 0; n < 400; ++n) {
        const std::vector<bool> allowed = mask(matcher);
        std::vector<int> ids;
        for (int id = 0; id < trie_.n_tokens(); ++id)
          if (allowed[std::size_t(id)]) ids.push_back(id);
        ASSERT_FALSE(ids.empty()) << text << " behind " << written;
        if (allowed[kEnd]) break;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const std::string bytes = TokenTrie::bytes_of(tokenizer_, ids[std::size_t(seed >> 33) % ids.size()]);
        ASSERT_TRUE(matcher.advance(bytes)) << written << " + " << bytes;
        written += bytes;
      }
    }
  }
}

TEST_F(Mask, ACopyIsAPointToComeBackTo) {
  const Grammar grammar = schema(R"({"type":"object"})");
  Matcher matcher(grammar);
  ASSERT_TRUE(matcher.advance(R"({"a":[1,)"));
  Matcher before = matcher;
  ASSERT_TRUE(matcher.advance("2]}"));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_FALSE(before.may_end());
  EXPECT_FALSE(before.advance("}"));
  EXPECT_TRUE(before.advance("{}],\"b\":3}"));
  EXPECT_TRUE(before.may_end());
}

}  // namespace
}  // namespace nibble::grammar
