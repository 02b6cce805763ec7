// generation_config.json as published, and every way it can be wrong.
#include "engine/generation_config.h"

#include <gtest/gtest.h>

namespace nibble::engine {
namespace {

GenerationConfig parse(std::string_view text) {
  return parse_generation_config(parse_json(text, "g.json"), "g.json", 1000);
}

std::string message(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(GenerationConfig, AsPublished) {
  const GenerationConfig config = parse(R"({"bos_token_id": 2, "do_sample": true, "eos_token_id": [1, 106, 50, 1],
    "pad_token_id": 0, "temperature": 1.0, "top_k": 64, "top_p": 0.95, "transformers_version": "5.5.0.dev0"})");
  EXPECT_EQ(config.defaults.temperature, 1.0);
  EXPECT_EQ(config.defaults.top_k, 64);
  EXPECT_EQ(config.defaults.top_p, 0.95);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int>{1, 50, 106}));
  EXPECT_FALSE(config.defaults.max_new_tokens.has_value());
}

TEST(GenerationConfig, OneEndTokenGreedyAndNulls) {
  const GenerationConfig config =
      parse(R"({"do_sample": false, "temperature": 0.7, "eos_token_id": 3, "top_k": null})");
  EXPECT_EQ(config.defaults.temperature, 0);
  EXPECT_EQ(config.defaults.top_k, 0);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int>{3}));
  EXPECT_TRUE(parse("{}").eos_token_ids.empty());
}

TEST(GenerationConfig, NumbersAreBounded) {
  EXPECT_EQ(message(R"({"temperature": -1})"), "g.json: temperature must be in [0, 100], got -1");
  EXPECT_EQ(message(R"({"top_p": 0})"), "g.json: top_p must be in (0, 1], got 0");
  EXPECT_EQ(message(R"({"eos_token_id": 1000})"), "g.json: eos_token_id: expected ids from 0 to 999, found 1000");
  EXPECT_EQ(message(R"({"eos_token_id": [1, "x"]})"), "g.json: eos_token_id: expected ids from 0 to 999, found \"x\"");
  EXPECT_EQ(message(R"({"eos_token_id": [[1]]})"), "g.json: eos_token_id: expected ids from 0 to 999, found [1]");
  EXPECT_NE(message(R"({"top_k": 1e300})"), "");
  EXPECT_NE(message(R"({"top_k": -7})"), "");
  EXPECT_NE(message(R"([])"), "");
  std::string many = "0";
  for (int i = 0; i < 64; ++i) many += ",0";
  EXPECT_EQ(message("{\"eos_token_id\": [" + many + "]}"), "g.json: eos_token_id: expected at most 64 ids, found 65");
}

TEST(GenerationConfig, TheEndTokensOfConfigJsonCountAsWell) {
  EXPECT_EQ(load_generation_config("/no/such/directory", 1000, {106, 1}).eos_token_ids, (std::vector<int>{1, 106}));
}

}  // namespace
}  // namespace nibble::engine
