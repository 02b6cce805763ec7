// Regular expressions of the whole text, and what is refused.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "support/error_text.h"

namespace nibble::grammar {
namespace {

struct Case {
  const char* pattern;
  std::vector<const char*> whole, others;
};

TEST(Regex, AcceptsWholeTexts) {
  for (const Case& c : {
           Case{"a|bc|", {"", "a", "bc"}, {"b", "abc"}},
           Case{"(yes|no)!{1,2}", {"yes!", "no!!"}, {"yes", "no!!!"}},
           Case{"(?:a|(?<name>b))+?c", {"abac", "bc"}, {"c", "ab"}},
           Case{"[^\\d\\s]{2,}", {"ab", "éé", "😀😀"}, {"a", "a1", "a b"}},
           Case{"[\\w.-]+@[a-z]+", {"a.b-c@de"}, {"@de", "a b@c"}},
           Case{"[a-c-]*", {"a-c", "---"}, {"d"}},
           Case{"\\x41\\u0042\\u{43}\\cJ\\t\\0", {}, {"ABC"}},
           Case{"\\ud83d\\ude00", {"😀"}, {"\xF0\x9F\x98\x81"}},
           Case{"[α-ω]+", {"αβγ"}, {"abc", "Α"}},
           Case{".", {"x", "é"}, {"\n", "", "xy"}},
           Case{"^a$", {"a"}, {"aa", ""}},
           Case{"(a*)*b", {"b", "aaab"}, {"aaac"}},
           Case{"a^b", {"x"}, {}},
       }) {
    SCOPED_TRACE(c.pattern);
    if (std::string(c.pattern) == "a^b") {
      EXPECT_EQ(nibble::testing::error_of([&] { Grammar::regex(c.pattern); }), "regex: no text matches it");
      continue;
    }
    const Grammar grammar = Grammar::regex(c.pattern);
    const auto accepts = [&](const char* text) {
      Matcher matcher(grammar);
      return matcher.advance(text) && matcher.may_end();
    };
    for (const char* text : c.whole) EXPECT_TRUE(accepts(text)) << text;
    for (const char* text : c.others) EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(Regex, RefusesByName) {
  const auto refusal = [](const std::string& pattern) {
    return nibble::testing::error_of([&] { Grammar::regex(pattern); });
  };
  const std::string at = "regex: regular expression, character ";
  EXPECT_EQ(refusal("(?<=x)+"), at + "5: lookaround is not supported");
  EXPECT_EQ(refusal("(a)\\1"), at + "6: back-references are not supported");
  EXPECT_EQ(refusal("\\bx"), at + "3: \\b is not supported");
  EXPECT_EQ(refusal("\\p{L}"), at + "3: \\p{} is not supported");
  EXPECT_EQ(refusal("(?i)x"), at + "2: this kind of group is not supported");
  EXPECT_EQ(refusal("^+"), at + "3: an anchor is repeated");
  EXPECT_EQ(refusal("^{2}x"), at + "5: an anchor is repeated");
  EXPECT_EQ(refusal("a**"), at + "4: a quantifier follows a quantifier");
  EXPECT_EQ(refusal("a{3,2}"), at + "7: the bounds of a quantifier are out of order");
  EXPECT_EQ(refusal("[b-a]"), at + "5: a range is out of order");
  EXPECT_EQ(refusal("[a"), at + "3: missing ]");
  EXPECT_EQ(refusal("(a"), at + "3: missing )");
  EXPECT_EQ(refusal("a)"), at + "2: unmatched )");
  EXPECT_EQ(refusal("a\\"), at + "3: a backslash at the end");
  EXPECT_EQ(refusal("\xff"), "regex: not UTF-8");
  EXPECT_EQ(refusal(std::string(20000, 'a')), "regex: expected at most 16384 bytes, found 20000");
}

TEST(Choice, AcceptsItsTexts) {
  const Grammar grammar = Grammar::choice({"yes", "no", "no way"});
  Matcher matcher(grammar);
  EXPECT_FALSE(matcher.may_end());
  EXPECT_FALSE(matcher.advance("nope"));
  ASSERT_TRUE(matcher.advance("no"));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_TRUE(matcher.advance(" way"));
  EXPECT_FALSE(matcher.advance("s"));
  EXPECT_TRUE(matcher.may_end());
}

}  // namespace
}  // namespace nibble::grammar
