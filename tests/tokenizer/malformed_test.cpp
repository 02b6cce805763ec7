// tokenizer.json files that are wrong in one place: each is refused with one line that says where and what was expected.
#include <gtest/gtest.h>

#include <string>

#include "support/error_text.h"
#include "tokenizer/tokenizer.h"

namespace nibble::tokenizer {
namespace {

const std::string kGood = R"({"added_tokens": [{"id": 5, "content": "<x>", "special": true, "single_word": false,
"lstrip": false, "rstrip": false, "normalized": false}], "normalizer": null, "pre_tokenizer": {"type": "Split",
"pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}, "post_processor": null,
"decoder": {"type": "Fuse"}, "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
"continuing_subword_prefix": null, "end_of_word_suffix": null, "ignore_merges": false, "fuse_unk": true,
"byte_fallback": false, "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 4}, "merges": ["a b"]}})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no " + from);
  return text.replace(at, from.size(), to);
}

std::string verdict(const std::string& text) {
  return testing::error_of([&] { Tokenizer::parse(text, "t"); });
}

TEST(MalformedTokenizer, TheGoodOneWorks) {
  const Tokenizer tokenizer = Tokenizer::parse(kGood, "t");
  EXPECT_EQ(tokenizer.encode("abc<x>", true), (std::vector<int>{3, 4, 5}));
}

TEST(MalformedTokenizer, NoObjectOfJson) {
  EXPECT_EQ(verdict(""), "t: byte 0: not valid JSON (incomplete JSON)");
  EXPECT_EQ(verdict("[]"), "t: expected an object, found an array");
  EXPECT_EQ(verdict("{}"), "t: \"model\" is missing");
  EXPECT_EQ(verdict(std::string(100'000, '[')), "t: nested deeper than 128 levels");
  EXPECT_EQ(verdict(R"({"model": 1, "model": 2})"), "t: key \"model\" appears twice in one object");
}

TEST(MalformedTokenizer, Vocabulary) {
  EXPECT_EQ(verdict(with("\"a\": 1", "\"a\": \"1\"")),
            "t: model.vocab: \"a\": expected an id of 0 to 1048575, found a string");
  EXPECT_EQ(verdict(with("\"a\": 1", "\"a\": -1")), "t: model.vocab: \"a\": expected an id of 0 to 1048575, found -1");
  EXPECT_EQ(verdict(with("\"a\": 1", "\"a\": 2147483648")),
            "t: model.vocab: \"a\": expected an id of 0 to 1048575, found 2147483648");
  EXPECT_EQ(verdict(with("\"c\": 4", "\"c\": 2")), "t: model.vocab: \"b\" and \"c\" have the same id 2");
  EXPECT_EQ(verdict(with(R"({"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 4})", "{}")), "t: model: \"vocab\" is empty");
  EXPECT_EQ(verdict(with(R"({"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 4})", "[1]")),
            "t: model: \"vocab\": expected an object");
  EXPECT_EQ(verdict(with("\"<unk>\",", "\"no\",")), "t: model.unk_token: \"no\" is not in the vocabulary");
}

TEST(MalformedTokenizer, Merges) {
  EXPECT_EQ(verdict(with("[\"a b\"]", "[\"a b\", \"q b\"]")), "t: model.merges[1]: \"q\" is not in the vocabulary");
  EXPECT_EQ(verdict(with("[\"a b\"]", "[[\"a\", \"b\", \"c\"]]")),
            "t: model.merges[0]: expected two tokens, found more");
  EXPECT_EQ(verdict(with("[\"a b\"]", "[7]")), "t: model.merges[0]: expected two tokens, found a number");
  EXPECT_EQ(verdict(with("[\"a b\"]", "[\"a\"]")), "t: model.merges[0]: expected two tokens, found \"a\"");
  EXPECT_EQ(verdict(with(", \"merges\": [\"a b\"]", "")), "t: model: \"merges\" is missing");
}

TEST(MalformedTokenizer, AddedTokens) {
  EXPECT_EQ(verdict(with("\"id\": 5, ", "")), "t: added_tokens[0]: \"id\" is missing");
  EXPECT_EQ(verdict(with("\"id\": 5", "\"id\": 4")), "t: added_tokens[0]: \"<x>\" has id 4, which is that of \"c\"");
  EXPECT_EQ(verdict(with("\"id\": 5", "\"id\": 2147483648")),
            "t: added_tokens[0]: \"id\": expected 0 to 1048575, found 2147483648");
  EXPECT_EQ(verdict(with("\"<x>\"", "\"\"")), "t: added_tokens[0]: \"content\": expected 1 to 1024 bytes, found 0");
  EXPECT_EQ(verdict(with("\"single_word\": false", "\"single_word\": true")),
            "t: added_tokens[0]: \"single_word\": true is not supported; supported: false");
}

TEST(MalformedTokenizer, PartsThatAreNotSupportedAreNamed) {
  EXPECT_EQ(verdict(with("\"BPE\"", "\"WordPiece\"")), "t: model: type \"WordPiece\" is not supported; supported: BPE");
  EXPECT_EQ(verdict(with("\"dropout\": null", "\"dropout\": 0.1")),
            "t: model: \"dropout\" is not supported; supported: null");
  EXPECT_EQ(verdict(with("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFKC\"}")),
            "t: normalizer: type \"NFKC\" is not supported; supported: Replace, or a Sequence of them");
  EXPECT_EQ(verdict(with("\"normalizer\": null",
                         R"("normalizer": {"type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": "x"})")),
            "t: normalizer: a \"pattern\" that is no \"String\" is not supported; supported: String");
  EXPECT_EQ(verdict(with("\"Split\"", "\"ByteLevel\"")),
            "t: pre_tokenizer: type \"ByteLevel\" is not supported; supported: Split");
  EXPECT_EQ(verdict(with("\"Fuse\"", "\"WordPiece\"")),
            "t: decoder: type \"WordPiece\" is not supported; supported: Replace, ByteFallback, Fuse");
  EXPECT_EQ(verdict(with("\"post_processor\": null", "\"post_processor\": {\"type\": \"BertProcessing\"}")),
            "t: post_processor: type \"BertProcessing\" is not supported; supported: TemplateProcessing");
}

}  // namespace
}  // namespace nibble::tokenizer
