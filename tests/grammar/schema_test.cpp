// Which JSON texts a schema accepts, keyword by keyword, and which schemas are refused, with the words.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "support/error_text.h"

namespace nibble::grammar {
namespace {

bool accepts(const Grammar& grammar, const std::string& text) {
  Matcher matcher(grammar);
  return matcher.advance(text) && matcher.may_end();
}

struct Case {
  const char* schema;
  std::vector<const char*> valid, invalid;
};

void check_cases(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.schema);
    const Grammar grammar = Grammar::json_schema(parse_json(c.schema, "schema"));
    for (const char* text : c.valid) EXPECT_TRUE(accepts(grammar, text)) << text;
    for (const char* text : c.invalid) EXPECT_FALSE(accepts(grammar, text)) << text;
  }
}

std::string refusal(const std::string& schema) {
  return nibble::testing::error_of([&] { Grammar::json_schema(parse_json(schema, "schema", 2000)); });
}

TEST(Schema, Types) {
  check_cases({
      {"true",
       {"null", "[1,{}]", "\"\"", "-0.5e+10", " { \"a\" : [ ] } "},
       {"", "nul", "[1,]", "{\"a\":1,}", "01", "1.", "+1"}},
      {R"({"type":"integer"})",
       {"0", "-7", "1.0", "1e2", "1.50e1", "0e-5", "-0.0"},
       {"1.5", "1e-1", "\"1\"", "1.25e1", "true"}},
      {R"({"type":["string","null"]})", {"null", "\"null\""}, {"1", "[]"}},
      {R"({"type":"boolean"})", {"true", "false"}, {"0", "truefalse"}},
      {R"({"enum":[1,"one",null,true,2.5,[1],{"a":[]}]})",
       {"1", "1.0", "\"one\"", "null", "true", "2.50", "[1]", "{\"a\":[]}", "\"\\u006fne\""},
       {"2", "false", "[]", "[1,1]", "{\"a\":[],\"b\":1}", "{}", "2.05"}},
      {R"({"const":1e-7})", {"1e-07", "0.0000001", "1.0E-7"}, {"1e-6", "0", "1e7"}},
  });
}

TEST(Schema, Numbers) {
  check_cases({
      {R"({"type":"integer","minimum":-10,"maximum":120})",
       {"-10", "0", "-0", "120", "99", "1e2", "120.0"},
       {"-11", "121", "1.5", "1e3", "1000", "-10.5"}},
      {R"({"exclusiveMinimum":0,"exclusiveMaximum":1})",
       {"0.5", "1e-300", "0.999999999999999999999", "9.99e-1"},
       {"0", "1", "-0.5", "1.0", "0.0", "1e0", "-1e-300"}},
      {R"({"minimum":1.5})",
       {"1.5", "1.50", "2", "15", "1e300", "100000000000000000000000000000"},
       {"1.4999", "1", "-2", "0.15e1x"}},
      {R"({"maximum":-0.25})", {"-0.25", "-1", "-2.5e-1", "-1e5"}, {"-0.24", "0", "-2.4e-1", "1"}},
      {R"({"type":"integer","multipleOf":7})", {"0", "7", "-14", "21.0", "700000000000000000007"}, {"1", "8", "7.5"}},
      {R"({"multipleOf":0.01})", {"0.01", "19.99", "1", "-3.1", "0.010"}, {"0.001", "19.995"}},
      {R"({"multipleOf":1.5,"minimum":4})", {"4.5", "6"}, {"3", "5", "0", "4"}},
      {R"({"type":"number","not":{"type":"integer"}})", {"1.5", "1e-1"}, {"1", "1.0", "\"1\"", "15e2"}},
      {R"({"type":"number","not":{"multipleOf":2}})", {"1", "2.5"}, {"2", "0", "2e0", "0e5"}},
  });
}

TEST(Schema, Strings) {
  check_cases({
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {"\"ab\"", "\"臺北市\"", "\"\\ud83d\\ude00a\"", "\"\\n\\n\"", "\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\""},
       {"\"a\"", "\"abcd\"", "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"", "\"臺北市場\""}},
      {R"({"type":"string","pattern":"b+"})", {"\"b\"", "\"abbc\""}, {"\"\"", "\"ac\"", "1"}},
      {R"({"pattern":"^[A-Z]{3}-\\d{4}$"})", {"\"ABC-1234\"", "12"}, {"\"ABC-123\"", "\"xABC-1234\"", "\"ABC-12345\""}},
      {R"({"type":"string","pattern":"^a","not":{"pattern":"z$"},"minLength":3})",
       {"\"abc\""},
       {"\"az\"", "\"abz\"", "\"bcd\""}},
      {R"({"type":"string","format":"date"})",
       {"\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""},
       {"\"2026-02-29\"", "\"1900-02-29\"", "\"2026-04-31\"", "\"0000-01-01\"", "\"2026-2-3\"", "\"2026-13-01\""}},
      {R"({"type":"string","format":"no-such-format"})", {"\"x\""}, {"1"}},
      {R"({"type":"string","format":"ipv6"})",
       {"\"::\"", "\"1::8\"", "\"1:2:3:4:5:6:7:8\"", "\"::ffff:1.2.3.4\""},
       {"\":\"", "\"1:2\"", "\"1::2::3\"", "\"1:2:3:4:5:6:7:8:9\"", "\"::256.1.1.1\""}},
      {R"({"type":"string"})",
       {"\"\\u00e9\\/\\b\"", "\"\x7f\""},
       {"\"\\x41\"", "\"\t\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\xff\"", "\"\xed\xa0\x80\"",
        "\"\xc0\x80\"", "\"a"}},
  });
}

TEST(Schema, Arrays) {
  check_cases({
      {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
       {"[1,2]", "[1,2,3]"},
       {"[]", "[1]", "[1,2,3,4]", "[1,\"a\"]"}},
      {R"({"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false})",
       {"[]", "[\"a\"]", "[\"a\",1]", "{}"},
       {"[1]", "[\"a\",1,2]"}},
      {R"({"type":"array","items":false,"prefixItems":[true,false]})", {"[]", "[1]"}, {"[1,1]"}},
      {R"({"type":"array","contains":{"type":"string"}})", {"[1,\"a\"]", "[\"a\",\"b\"]"}, {"[]", "[1,2]"}},
      {R"({"type":"array","contains":{"minimum":5},"minContains":2,"maxContains":3})",
       {"[5,1,6]", "[5,5,5]"},
       {"[5]", "[5,5,5,5]", "[1,5,2]"}},
      {R"({"type":"array","contains":{"type":"string"},"minContains":0})", {"[]", "[1]"}, {"{}"}},
      {R"({"type":"array","not":{"items":{"type":"integer"}}})", {"[\"a\"]", "[1,\"a\",2]"}, {"[]", "[1]"}},
      {R"({"type":"array","items":{"type":["string","number"]},"uniqueItems":true})",
       {"[]", "[\"a\",\"b\"]", "[1,\"1\"]", "[1,10,100]", "[0.1,1]"},
       {"[\"a\",\"a\"]", "[1,1.0]", "[1,2,10e-1]", "[\"a\",\"b\",\"\\u0061\"]", "[0,-0]"}},
  });
}

TEST(Schema, Objects) {
  check_cases({
      {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{}},"required":["a"],"additionalProperties":false})",
       {R"({"a":1})", R"({"b":[],"a":1})", R"({"a":1,"b":null})", R"({"\u0061":1})"},
       {"{}", R"({"b":1})", R"({"a":1,"c":1})", R"({"a":1,"a":2})", R"({"a":"1"})"}},
      {R"({"properties":{"a":{"type":"integer"}}})",
       {R"({"a":1})", R"({"ab":"x","":2})", "[]"},
       {R"({"a":""})", R"({"x":1,"x":2})"}},
      {R"({"type":"object","patternProperties":{"^x_":{"type":"integer"}},"additionalProperties":{"type":"string"}})",
       {R"({"x_a":1,"y":"b"})", "{}"},
       {R"({"x_a":"b"})", R"({"y":1})"}},
      {R"({"type":"object","propertyNames":{"maxLength":2}})", {R"({"ab":1})"}, {R"({"abc":1})"}},
      {R"({"type":"object","minProperties":1,"maxProperties":2})",
       {R"({"a":1})", R"({"a":1,"b":2})"},
       {"{}", R"({"a":1,"b":2,"c":3})"}},
      {R"({"type":"object","required":["a","b"],"maxProperties":2})",
       {R"({"b":1,"a":2})"},
       {R"({"a":1,"c":2})", R"({"a":1,"b":2,"c":3})"}},
      {R"({"dependentRequired":{"a":["b"]}})",
       {"{}", R"({"b":1})", R"({"b":1,"a":2})", R"({"a":2,"b":1})"},
       {R"({"a":1})", R"({"a":1,"c":2})"}},
      {R"({"dependentSchemas":{"a":{"properties":{"b":{"type":"string"}}}}})",
       {R"({"b":1})", R"({"a":1,"b":"x"})"},
       {R"({"a":1,"b":1})", R"({"b":1,"a":1})"}},
      {R"({"allOf":[{"properties":{"a":true}},{"properties":{"b":true}}],"unevaluatedProperties":false})",
       {R"({"a":1,"b":2})"},
       {R"({"c":1})"}},
      {R"({"type":"object","properties":{"a":false}})", {"{}", R"({"b":1})"}, {R"({"a":1})"}},
  });
}

TEST(Schema, Logic) {
  check_cases({
      {R"({"maxLength":1,"maxItems":1,"maxProperties":1,"contains":{"type":"null"},"maxContains":1})",
       {"\"a\"", "12", "null", "[null]", "{\"a\":1}"},
       {"\"ab\"", "[1]", "[null,1]", R"({"a":1,"b":2})"}},
      {R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", {"1", "2.5", "\"x\""}, {"3", "1.5"}},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"})",
       {R"({"a":1})", R"({"b":1,"c":1})"},
       {"{}", R"({"a":1,"b":1})"}},
      {R"({"anyOf":[{"required":["a"]},{"required":["b"]}],"type":"object"})",
       {R"({"a":1})", R"({"a":1,"b":1})"},
       {"{}", R"({"c":1})"}},
      {R"({"allOf":[{"type":"object","properties":{"a":{"minimum":1}}},{"properties":{"a":{"maximum":3}},"required":["a"]}]})",
       {R"({"a":2})"},
       {"{}", R"({"a":0})", R"({"a":4})"}},
      {R"({"not":{"type":"object","required":["x"]}})", {"1", "{}", R"({"y":1})"}, {R"({"x":1})", R"({"y":1,"x":1})"}},
      {R"({"type":"object","not":{"additionalProperties":{"type":"integer"}}})",
       {R"({"a":"x"})", R"({"a":1,"b":[]})"},
       {"{}", R"({"a":1})"}},
      {R"({"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["a"]},"else":{"required":["b"]},"type":"object"})",
       {R"({"k":1,"a":0})", R"({"a":0,"k":1})", R"({"b":0})", R"({"k":2,"b":0})"},
       {R"({"k":1})", R"({"k":1,"b":0})", R"({"a":0})"}},
      {R"({"oneOf":[{"properties":{"t":{"const":"a"},"x":{"type":"integer"}},"required":["t","x"]},{"properties":{"t":{"const":"b"},"x":{"type":"string"}},"required":["t","x"]}],"type":"object"})",
       {R"({"t":"a","x":1})", R"({"x":"s","t":"b"})"},
       {R"({"t":"a","x":"s"})", R"({"t":"c","x":1})"}},
  });
}

TEST(Schema, References) {
  check_cases({
      {R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"c":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["v"],"additionalProperties":false}},"$ref":"#/$defs/n"})",
       {R"({"v":1})", R"({"c":[{"v":1,"c":[]}],"v":2})"},
       {R"({"c":[]})", R"({"v":1,"c":[{}]})"}},
      {R"({"$defs":{"a~b/c d":{"type":"null"}},"$ref":"#/$defs/a~0b~1c%20d"})", {"null"}, {"1"}},
      {R"({"$defs":{"x":{"$anchor":"here","type":"null"}},"$ref":"#here"})", {"null"}, {"1"}},
      {R"({"$id":"https://e.org/s","$ref":"https://e.org/s#/$defs/x","$defs":{"x":{"const":3}}})", {"3"}, {"1"}},
      {R"({"properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"type":"object","required":["next"]})",
       {R"({"next":{"next":null}})"},
       {R"({"next":{}})"}},
  });
}

TEST(Schema, RefusesByName) {
  EXPECT_EQ(refusal("3"), "schema: #: expected an object, true or false");
  EXPECT_EQ(refusal(R"({"properties":{"a":{"minimum":"1"}}})"), "schema: #/properties/a: \"minimum\" must be a number");
  EXPECT_EQ(refusal(R"({"type":"float"})"), "schema: #: \"type\" names no type: \"float\"");
  EXPECT_EQ(refusal(R"({"items":[true]})"),
            "schema: #: \"items\" must be a schema; draft 2020-12 has prefixItems for lists");
  EXPECT_EQ(refusal(R"({"$ref":"other.json"})"),
            "schema: #: \"$ref\" \"other.json\": only references into the schema itself are supported");
  EXPECT_EQ(refusal(R"({"$ref":"#/$defs/no"})"), "schema: #: \"$ref\" \"#/$defs/no\": there is nothing at this place");
  EXPECT_EQ(refusal(R"({"$ref":"#"})"), "schema: #: $ref leads back to itself without a value between");
  EXPECT_EQ(refusal(R"({"allOf":[{"anyOf":[{"$ref":"#"},true]}]})"),
            "schema: #: $ref leads back to itself without a value between");
  EXPECT_EQ(refusal(R"({"$dynamicRef":"#x"})"), "schema: #: \"$dynamicRef\" is not supported; $ref is");
  EXPECT_EQ(refusal(R"({"pattern":"(?=a)b"})"),
            "schema: #: \"pattern\": regular expression, character 4: lookaround is not supported");
  EXPECT_EQ(refusal(R"({"type":"array","uniqueItems":true})").substr(0, 25), "schema: #: \"uniqueItems\" ");
  EXPECT_EQ(refusal(R"({"anyOf":[{"properties":{"a":true}}],"unevaluatedProperties":false})"),
            "schema: #: \"unevaluatedProperties\" beside anyOf is not supported");
  EXPECT_EQ(refusal(R"({"type":"string","minLength":3,"maxLength":2})"), "schema: #: no value can be valid");
  EXPECT_EQ(
      refusal(
          R"({"$defs":{"n":{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"required":["n"]}},"$ref":"#/$defs/n"})"),
      "schema: #: no value can be valid");
}

// What would take exponential time or memory somewhere else ends in one line here.
TEST(Schema, RefusesBombs) {
  const auto complex = [](const std::string& schema) {
    const std::string message = refusal(schema);
    return message != "no error" && message.size() < 300;
  };
  EXPECT_TRUE(complex(R"({"pattern":"(a|b)*a(a|b){24}$"})"));
  EXPECT_TRUE(complex(R"({"pattern":"((a{1,1000}){1,1000}){1,1000}"})"));
  EXPECT_TRUE(complex(R"({"pattern":"((((){1000}){1000}){1000}){1000}"})"));
  EXPECT_TRUE(complex(R"({"type":"string","pattern":"x{0,1000000}y{0,1000000}"})"));
  EXPECT_TRUE(complex(R"({"multipleOf":999999937})"));
  std::string any = R"({"anyOf":[{"required":["a"]},{"required":["b"]}]})";
  std::string all = "{\"allOf\":[";
  for (int i = 0; i < 40; ++i)
    all += std::string(i ? "," : "") + R"({"anyOf":[{"required":["a)" + std::to_string(i) + R"("]},{"required":["b)" +
           std::to_string(i) + "\"]}]}";
  EXPECT_TRUE(complex(all + "]}"));
  std::string deep;
  for (int i = 0; i < 1500; ++i) deep += "{\"not\":";
  EXPECT_TRUE(complex(deep + "{}" + std::string(1500, '}')));
  EXPECT_TRUE(complex(R"({"pattern":")" + std::string(60000, '(') + R"("})"));
}

TEST(Schema, WhitespaceAndDepthAreBounded) {
  const Grammar grammar = Grammar::json_schema(parse_json("true", "schema"));
  EXPECT_TRUE(accepts(grammar, "[1," + std::string(64, ' ') + "2]"));
  EXPECT_FALSE(accepts(grammar, "[1," + std::string(65, ' ') + "2]"));
  EXPECT_TRUE(accepts(grammar, std::string(128, '[') + std::string(128, ']')));
  EXPECT_FALSE(accepts(grammar, std::string(129, '[') + std::string(129, ']')));
}

}  // namespace
}  // namespace nibble::grammar
