#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace nibble {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_json(text, "in");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Json, ReadsWhatIsValid) {
  const json::value value = parse_json(R"({"a": [1, -2.5, "x\u00e9", true, null], "b": {}})", "in");
  EXPECT_EQ(json::serialize(value), R"({"a":[1,-2.5E0,"xé",true,null],"b":{}})");
}

TEST(Json, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_EQ(error_of(R"({"a":1,"b":{"a":2},"a":3})"), "in: line 1, column 22: key \"a\" appears twice in one object");
  EXPECT_THAT(error_of("{} x"), testing::HasSubstr("unexpected text behind the JSON value"));
  EXPECT_THAT(error_of("{\n\"a\":}"), testing::HasSubstr("line 2"));
  EXPECT_THAT(error_of("{\"a\": \"\xff\"}"), testing::HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(""), testing::HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("[1"), testing::HasSubstr("not valid JSON"));
}

TEST(Json, DepthIsBoundedExactly) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_EQ(error_of(nested(kMaxJsonDepth)), "");
  EXPECT_THAT(error_of(nested(kMaxJsonDepth + 1)), testing::HasSubstr("nested deeper than 128 levels"));
  EXPECT_THAT(error_of(std::string(1000000, '[')), testing::HasSubstr("nested deeper"));
}

TEST(JsonFields, SayWhatWasExpectedAndFound) {
  const json::value value =
      parse_json(R"({"n": 7, "s": "x", "big": 18446744073709551615, "none": null, "f": 16.0})", "in");
  const JsonFields fields(value, "config.json");
  EXPECT_EQ(fields.integer("n", {1, 8}), 7);
  EXPECT_EQ(fields.integer("f", {1, 16}), 16);
  EXPECT_EQ(fields.integer("none", {1, 8}, 3), 3);
  const auto message = [&](auto&& read) {
    try {
      read();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([&] { fields.integer("n", {1, 6}); }), "config.json: \"n\": expected 1 to 6, found 7");
  EXPECT_EQ(message([&] { fields.integer("s", {1, 6}); }), "config.json: \"s\": expected an integer, found a string");
  EXPECT_EQ(message([&] { fields.integer("none", {1, 6}); }), "config.json: \"none\" is missing");
  EXPECT_EQ(message([&] {
              fields.integer("big", {1, 6});
            }),
            "config.json: \"big\": expected 1 to 6, found 18446744073709551615");
}

}  // namespace
}  // namespace nibble
