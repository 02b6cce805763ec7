// Tokens to shown text: characters of several tokens, stop strings across tokens, ids without a text.
#include "engine/text_stream.h"

#include <gtest/gtest.h>

#include "support/chat_model.h"
#include "tokenizer/utf8.h"

namespace nibble::engine {
namespace {

using Special = TextStream::Special;

// Byte fallback, so every text can be written in it.
tokenizer::Tokenizer tiny() {
  return tokenizer::Tokenizer::parse(testing::chat_tokenizer_json(testing::kAllBytesVocab), "test");
}

std::string all(TextStream& stream, const std::vector<int>& ids) {
  std::string text;
  for (const int id : ids) text += stream.push(id);
  return text + stream.finish();
}

TEST(TextStream, NeverSplitsACharacter) {
  const auto tokenizer = tiny();
  const std::string text = "h\xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80!";
  TextStream stream(tokenizer, {}, Special::kSkip);
  std::string shown;
  for (const int id : tokenizer.encode(text, false)) {
    const std::string piece = stream.push(id);
    EXPECT_FALSE(tokenizer::find_invalid_utf8(piece).has_value()) << piece;
    shown += piece;
  }
  EXPECT_EQ(shown + stream.finish(), text);
}

TEST(TextStream, StopsAcrossTokensAndHoldsNothingBackAtTheEnd) {
  const auto tokenizer = tiny();
  const std::vector<int> ids = tokenizer.encode("one two three", false);
  TextStream stopping(tokenizer, {"wo th"}, Special::kSkip);
  EXPECT_EQ(all(stopping, ids), "one t");
  EXPECT_TRUE(stopping.stopped());
  TextStream ending(tokenizer, {"three four"}, Special::kSkip);
  EXPECT_EQ(all(ending, ids), "one two three");
  EXPECT_FALSE(ending.stopped());
}

TEST(TextStream, SpecialTokensAndIdsWithoutText) {
  const auto tokenizer = tiny();
  std::vector<int> ids = tokenizer.encode("<|channel>a<channel|>b", true);
  ids.push_back(tokenizer.n_vocab());
  ids.push_back(tokenizer.n_vocab() + 1000);
  TextStream skipping(tokenizer, {}, Special::kSkip), keeping(tokenizer, {}, Special::kKeep);
  EXPECT_EQ(all(skipping, ids), "ab");
  EXPECT_EQ(all(keeping, ids), "<|channel>a<channel|>b");
}

}  // namespace
}  // namespace nibble::engine
