// Patterns of ignore and targets lists: Python's answers, and bounded work for hostile ones.
#include "format/module_pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "support/error_text.h"

namespace nibble::format {
namespace {

constexpr const char* kName = "model.language_model.layers.10.mlp.gate_proj";

TEST(ModulePattern, AnswersAsPythonsMatch) {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  for (const Case& c : {
           Case{".*vision_tower.*", "model.vision_tower.encoder.layers.0", true},
           Case{".*vision_tower.*", kName, false},
           Case{"language_model", kName, false},  // from the beginning
           Case{"model", kName, true},            // need not reach the end
           Case{"model$", kName, false},
           Case{"model\\.language_model\\.layers\\.\\d+\\.mlp\\.(gate|up)_proj$", kName, true},
           Case{"model\\.language_model\\.layers\\.\\d\\.mlp", kName, false},
           Case{"^(?!.*vision).*$", kName, true},
           Case{"^(?!.*mlp).*$", kName, false},
           Case{"(?=.*mlp)model", kName, true},
           Case{"(?=.*mlp$)model", kName, false},
           Case{".*\\.layers\\.(?:[0-9]|1[0-5])\\.mlp.*", kName, true},
           Case{".*\\.layers\\.([0-9]|1[1-5])\\.mlp.*", kName, false},
           Case{".*[^a-z]mlp", kName, true},
           Case{".*[.]mlp[\\.]", kName, true},
           Case{".*(self_attn|mlp)", kName, true},
           Case{".*1{2}", kName, false},
           Case{".*layers.1{1}0{0,3}\\.", kName, true},
           Case{".*_{1,}proj", kName, true},
           Case{".*(_p){,2}roj", kName, true},
           Case{"a{2,3}b", "aaab", true},
           Case{"a{2,3}b", "aaaab", false},
           Case{"a{b", "a{b", true},  // not a count: a literal
           Case{"a{}", "a{}", true},
           Case{"", kName, true},
           Case{"|x", kName, true},
           Case{"(a|b)*?c", "ababc", true},
           Case{"(a*)*b", "aaaac", false},
           Case{"[]x]+$", "]x]", true},
           Case{"[x-]+$", "x-x", true},
           Case{"[^\\d]+$", "ab1", false},
           Case{"\\w+\\.\\w+", kName, true},
           Case{"\\S+\\Z", kName, true},
           Case{"\\Amodel", kName, true},
           Case{"x?model", kName, true},
       })
    EXPECT_EQ(matches_beginning(c.pattern, c.name), c.matches) << c.pattern << " on " << c.name;
}

TEST(ModulePattern, SaysWhatIsWrong) {
  const auto verdict = [](const char* pattern) { return testing::error_of([&] { matches_beginning(pattern, "x"); }); };
  EXPECT_EQ(verdict("*a"), "'re:*a' at character 1: nothing to repeat");
  EXPECT_EQ(verdict("a**"), "'re:a**' at character 3: multiple repeat");
  EXPECT_EQ(verdict("a{2}{3}"), "'re:a{2}{3}' at character 8: multiple repeat");
  EXPECT_EQ(verdict("(a"), "'re:(a' at character 3: missing )");
  EXPECT_EQ(verdict("a)"), "'re:a)' at character 2: unmatched )");
  EXPECT_EQ(verdict("[a"), "'re:[a' at character 3: missing ]");
  EXPECT_EQ(verdict("[z-a]"), "'re:[z-a]' at character 5: bad range");
  EXPECT_EQ(verdict("a{3,2}"), "'re:a{3,2}' at character 7: min repeat greater than max repeat");
  EXPECT_EQ(verdict("\\"), "'re:\\' at character 2: bad escape at the end");
  EXPECT_EQ(verdict("\\b"), "'re:\\b' at character 3: this escape is not known");
  EXPECT_EQ(verdict("(a)\\1"), "'re:(a)\\1' at character 6: this escape is not known");
  EXPECT_EQ(verdict("(?<=a)b"), "'re:(?<=a)b' at character 2: this kind of group is not known");
  EXPECT_EQ(verdict("(?=(?!a))b"), "'re:(?=(?!a))b' at character 7: a lookahead in a lookahead is not known");
}

TEST(ModulePattern, HostileOnesCostLittle) {
  const std::string name(2000, 'a');
  EXPECT_FALSE(matches_beginning("(a*)*b", name));
  EXPECT_FALSE(matches_beginning("(a|aa)+$b", name));
  EXPECT_FALSE(matches_beginning("(.*)*(.*)*(.*)*x", name));
  EXPECT_FALSE(matches_beginning("((a*)*(?=.*x))*b", name));
  const auto verdict = [](const std::string& pattern) {
    return testing::error_of([&] { matches_beginning(pattern, "x"); });
  };
  EXPECT_NE(verdict("(a{4000}){4000}").find("too large a pattern"), std::string::npos);
  EXPECT_NE(verdict("((((){4000}){4000}){4000}){4000}").find("too large a pattern"), std::string::npos);
  EXPECT_NE(verdict("a{5000}").find("repeated too often"), std::string::npos);
  EXPECT_NE(verdict("a{99999999999999999999}").find("repeated too often"), std::string::npos);
  EXPECT_NE(verdict(std::string(100'000, '(')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(verdict(std::string(100'000, 'a')).find("too large a pattern"), std::string::npos);
}

}  // namespace
}  // namespace nibble::format
