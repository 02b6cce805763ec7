// Tokens of an answer to what the user reads, and thoughts apart from it.
#include "cli/answer_reader.h"

#include <gtest/gtest.h>

#include "support/chat_model.h"

namespace nibble::cli {
namespace {

struct Reading {
  std::string answer, thought;
  bool stopped = false;
  bool operator==(const Reading&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Reading& r) {
  return out << '"' << r.answer << "\", \"" << r.thought << "\", " << r.stopped;
}

Reading read(std::string_view text, std::vector<std::string> stop = {}) {
  const auto tokenizer = tokenizer::Tokenizer::parse(testing::chat_tokenizer_json(testing::kChatVocab), "test");
  AnswerReader reader(tokenizer, std::move(stop));
  Reading all;
  const auto take = [&](const Said& said) { all.answer += said.answer, all.thought += said.thought; };
  for (const int id : tokenizer.encode(text, true)) {
    take(reader.push(id));
    if (reader.stopped()) break;
  }
  take(reader.finish());
  all.stopped = reader.stopped();
  return all;
}

TEST(AnswerReader, ThoughtsAreApart) {
  EXPECT_EQ(read("plain"), (Reading{"plain", ""}));
  EXPECT_EQ(read("<|channel>thought\nhm, so\n<channel|>It is 4. "), (Reading{"It is 4. ", "hm, so\n"}));
  EXPECT_EQ(read("<|channel>thought\n<channel|>4"), (Reading{"4", ""}));
  EXPECT_EQ(read("<|channel>thought\ncut off"), (Reading{"", "cut off"}));
  EXPECT_EQ(read("a<channel|>b<|think|><turn|>"), (Reading{"ab", ""}));
}

TEST(AnswerReader, StopStringsEndAnswersOnly) {
  EXPECT_EQ(read("one two three", {"two"}), (Reading{"one ", "", true}));
  EXPECT_EQ(read("<|channel>thought\none two<channel|>three two", {"two"}), (Reading{"three ", "one two\n", true}));
  EXPECT_EQ(read("a t", {"two"}), (Reading{"a t", "", false}));
}

}  // namespace
}  // namespace nibble::cli
