// Recipes as people write them for llm-compressor, and what is said of wrong ones.
#include "quantize/recipe.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace nibble::quantize {
namespace {

std::string message_of(const std::string& yaml) {
  try {
    parse_recipe(yaml, "recipe.yaml");
  } catch (const std::exception& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Recipe, FindsTheModifierWhereverItStands) {
  const char* bare = "QuantizationModifier:\n  targets: Linear\n  scheme: FP8_DYNAMIC\n  ignore: [lm_head]\n";
  const char* staged =
      "default_stage:\n  default_modifiers:\n    QuantizationModifier:\n      targets: [Linear]\n"
      "      ignore: [lm_head, 're:.*vision_tower.*']\n      scheme: NVFP4A16\n";
  EXPECT_EQ(parse_recipe(bare, "r").scheme, Scheme::kFP8Dynamic);
  EXPECT_EQ(parse_recipe(bare, "r").targets, std::vector<std::string>{"Linear"});
  EXPECT_EQ(parse_recipe(staged, "r").ignore, (std::vector<std::string>{"lm_head", "re:.*vision_tower.*"}));
}

TEST(Recipe, WhatIsWrittenReadsBackTheSame) {
  Recipe recipe;
  recipe.scheme = Scheme::kNVFP4;
  recipe.ignore.insert(recipe.ignore.end(), {"re:it's[0-9]: #x", "model.layers.0.mlp", "a: b", "- c", "\"d\"", "null"});
  const Recipe again = parse_recipe(recipe_text(recipe), "r");
  EXPECT_EQ(again.ignore, recipe.ignore);
  EXPECT_EQ(again.targets, recipe.targets);
  EXPECT_EQ(again.scheme, recipe.scheme);
}

TEST(Recipe, SaysWhatIsWrong) {
  EXPECT_EQ(message_of("a: [1"), "recipe.yaml: line 1: not valid YAML (end of sequence flow not found)");
  EXPECT_EQ(message_of(""), "recipe.yaml: no QuantizationModifier found");
  EXPECT_EQ(message_of("s: {m: {GPTQModifier: {scheme: W4A16}}}"),
            "recipe.yaml: GPTQModifier is not supported, only QuantizationModifier is");
  EXPECT_EQ(message_of("QuantizationModifier: {targets: [Linear]}"),
            "recipe.yaml: \"scheme\": expected NVFP4A16, NVFP4 or FP8_DYNAMIC");
  EXPECT_EQ(message_of("QuantizationModifier: {scheme: W4A16}"),
            "scheme 'W4A16': expected NVFP4A16, NVFP4 or FP8_DYNAMIC");
  EXPECT_EQ(message_of("QuantizationModifier: {scheme: NVFP4, ignore: {a: b}}"),
            "recipe.yaml: \"ignore\": expected a list of names");
  EXPECT_NE(message_of(std::string(100000, '[')), "accepted");
}

}  // namespace
}  // namespace nibble::quantize
