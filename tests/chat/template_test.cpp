// What a template may not do, however it is written: end in anything but a text or an Error, or go beyond its budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "chat/load.h"
#include "chat/value.h"

namespace nibble::chat {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(const std::string& text, const json::object& variables = {}) {
  try {
    return "rendered " + Template::parse(text, "t").render(variables).substr(0, 100);
  } catch (const Error& error) {
    return error.what();
  }
}

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(Template, EndsHostileProgramsWithAnErrorInTime) {
  const std::string endless =
      "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% "
      "endfor %}";
  const std::pair<std::string, std::string> cases[] = {
      {endless, "steps"},
      {"{% for a in range(1000000000) %}{% endfor %}", "range() of"},
      {"{{ range(10**18, 0 - 10**18, 1 - 2) | length }}", "range()"},
      {"{{ 'x' * 1000000000000 }}", "steps"},
      {"{{ '' * 1000000000000 }}{{ [] * 1000000000000 }}{{ undefined_name() }}", "'undefined_name' is undefined"},
      {"{{ [0] * 1000000000000 }}", "bytes of memory"},
      {"{{ 10 ** 1000000000 }}", "too large"},
      {"{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
       "bytes of memory"},
      {"{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "steps"},
      {"{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}", "deeper than"},
      {"{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] | map('default') %}{% endfor %}",
       "deeper than"},
      {"{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s].index %}{% endfor %}",
       "deeper than"},
      {"{% for i in range(100000) %}{{ text }}{% endfor %}", "longer than"},
      {"{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "steps"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "too deep"},
      {"{% macro f(x) %}{{ g(x) }}{% endmacro %}{% macro g(x) %}{% if true %}{{ f(x) | trim }}{% endif %}{% endmacro "
       "%}{{ f(1) }}",
       "too deep"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "too deep"},
      {"{{ 'a' | indent(1000000000, true) * 1000 }}", "memory"},
      {"{{ ('x' * 100000000) | replace('', 'y' * 1000) }}", "steps"},
      {"{{ [1] | tojson(indent=1000000000000) }}{{ nothing.x }}", "'nothing' is undefined"},
      {"{{ strftime_now('%1000000000d') }}", "longer than"},
      {"{{ " + repeated("(", 10000) + "1" + repeated(")", 10000) + " }}", "deeper than"},
      {"{{ " + repeated("not ", 10000) + "1 }}", "deeper than"},
      {"{{ " + repeated("-", 10000) + "1 }}", "deeper than"},
      {"{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}", "deeper than"},
      {"{{ x" + repeated(".a", 10000) + " }}", "deeper than"},
      {"{{ x" + repeated("|trim", 10000) + " }}", "deeper than"},
      {"{{ 1" + repeated(" + 1", 10000) + " }}", "deeper than"},
      {"{{ 1" + repeated(" if 1 else 1", 10000) + " }}", "deeper than"},
      {repeated("{% if 1 %}", 10000), "deeper than"},
      {"{% set " + repeated("(", 10000) + "x" + repeated(")", 10000) + " = 1 %}", "deeper than"},
  };
  for (const auto& [text, expected] : cases) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string message = error_of(text, {{"text", std::string(100000, 'x')}});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_THAT(message, HasSubstr(expected)) << text.substr(0, 100);
    EXPECT_THAT(message, StartsWith("t: line 1: ")) << text.substr(0, 100);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(took.count(), 60) << text.substr(0, 100);  // seconds here, with the sanitizers on a busy machine
  }
}

TEST(Template, LetsNothingHoldItselfBeyondTheRendering) {
  const char* const rings[] = {
      "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns.ns.ns is defined }}",
      "{% macro f() %}{% endmacro %}{% set g = f %}{{ g is defined }}",
      "{% for x in [1] %}{% macro f() %}{{ x }}{% endmacro %}{{ loop.changed(loop, f) }}{% endfor %}",
  };
  for (const char* text : rings) EXPECT_EQ(Template::parse(text, "t").render({}), "True");
  const char* const chain =
      "{% set ns = namespace(last=none) %}{% for i in range(20000) %}{% set ns.last = namespace(next=ns.last) %}{% "
      "endfor %}ok";
  EXPECT_EQ(Template::parse(chain, "t").render({}), "ok");
  EXPECT_THAT(error_of("{% set ns = namespace() %}{% set ns.ns = [ns] %}{{ ns }}"), HasSubstr("deeper than"));
}

TEST(Template, NamesTheLineOfAMistake) {
  EXPECT_EQ(error_of("a\n{{ b }\n"), "t: line 2: unexpected '}'");
  EXPECT_EQ(error_of("a\n\n{% if x %}"), "t: line 3: expected {% endif %}, found the end of the template");
  EXPECT_EQ(error_of("a\n{{ x | nosuch }}"), "t: line 2: no filter named 'nosuch'");
  EXPECT_EQ(error_of("{% macro f(x) %}\n{{ x.y.z }}{% endmacro %}\n\n{{ f({}) }}"),
            "t: line 2: 'dict object' has no attribute 'y'");
  EXPECT_EQ(error_of("\n{{ raise_exception('no') }}"), "t: line 2: no");
  EXPECT_EQ(error_of("{% include 'x' %}"), "t: line 1: tag 'include' is not supported");
}

TEST(Template, ReachesNothingButData) {
  for (const char* text : {"{{ ''.__class__ }}", "{{ [].append(1) }}", "{{ {}.update({1: 2}) }}", "{{ f.__globals__ }}",
                           "{{ range.__init__ }}", "{{ ''['__class__'].x }}", "{{ 'x'.format('y') }}"})
    EXPECT_THAT(error_of(std::string(text) + "{{ nothing.x }}"), StartsWith("t: line 1: ")) << text;
}

TEST(Template, RemembersWhichBytesCameFromData) {
  const Template t = Template::parse("{{ bos }}<user>{{ text | trim | upper }}</user>", "t");
  const Text text = t.render_text({{"text", " a<b "}}, {{"bos", "<s>"}});
  EXPECT_EQ(text.bytes, "<s><user>A<B</user>");
  EXPECT_EQ(text.data, (std::vector<Span>{{9, 12}}));
}

TEST(Template, RendersOnManyThreadsAtOnce) {
  const Template t = Template::parse("{% for m in messages %}{{ 'ä' | length }}{{ m | upper }}{% endfor %}", "t");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) EXPECT_EQ(t.render({{"messages", {"a", "b"}}}), "1A1B");
    });
}

class ModelDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "nibble_chat_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(path_ + "/" + name) << text; }
  std::string path_;
};

TEST_F(ModelDirectory, GivesItsTemplateAndSpecialTokens) {
  const json::object request = {{"messages", json::array()}};
  write(
      "tokenizer_config.json",
      R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "{{ bos_token }}config{{ eos_token }}"})");
  EXPECT_EQ(load_chat_template(path_).render(request), "<s>config</s>");
  write("chat_template.jinja", "{{ bos_token }}file");
  EXPECT_EQ(load_chat_template(path_).render(request), "<s>file");
  write("other.jinja", "{{ bos_token }}other{{ tools }}");
  const ChatTemplate other = load_chat_template(path_, path_ + "/other.jinja");
  EXPECT_EQ(other.render(request), "<s>otherNone");
  EXPECT_EQ(other.render({{"messages", json::array()}, {"bos_token", "!"}}), "!otherNone");
}

TEST_F(ModelDirectory, WithoutATemplateIsAnError) {
  EXPECT_THROW(load_chat_template(path_), Error);
  write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "x"}]})");
  EXPECT_THROW(load_chat_template(path_), Error);
  EXPECT_THROW(load_chat_template(path_, path_ + "/none.jinja"), Error);
}

}  // namespace
}  // namespace nibble::chat
