// Lines to turns: one a line, between triple quotes, or with trailing backslashes.
#include "cli/turn_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace nibble::cli {
namespace {

std::vector<std::string> turns(const std::vector<std::string>& lines) {
  TurnBuilder turn;
  std::vector<std::string> all;
  for (const std::string& line : lines)
    if (turn.add(line)) all.push_back(turn.take());
  if (turn.started()) all.push_back("unfinished: " + turn.take());
  return all;
}

using Turns = std::vector<std::string>;

TEST(TurnBuilder, OneLineIsOneTurn) {
  EXPECT_EQ(turns({"hello", "", "a \"\"\" b", "\r"}), (Turns{"hello", "", "a \"\"\" b", ""}));
}

TEST(TurnBuilder, BackslashGoesOn) {
  EXPECT_EQ(turns({"a\\", "b\\", "", "c"}), (Turns{"a\nb\n", "c"}));
  EXPECT_EQ(turns({"a\\"}), (Turns{"unfinished: a"}));
}

TEST(TurnBuilder, QuotesHoldLines) {
  EXPECT_EQ(turns({"\"\"\"", "a\\", "", "b\"\"\"", "c"}), (Turns{"a\\\n\nb", "c"}));
  EXPECT_EQ(turns({"\"\"\"", "a", "b", "\"\"\""}), (Turns{"a\nb"}));
  EXPECT_EQ(turns({"\"\"\"one line\"\"\"", "c"}), (Turns{"one line", "c"}));
  EXPECT_EQ(turns({"\"\"\"\"\"\""}), (Turns{""}));
  EXPECT_EQ(turns({"\"\"\"", "a"}), (Turns{"unfinished: a"}));
}

}  // namespace
}  // namespace nibble::cli
