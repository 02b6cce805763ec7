// quantization_config: the four formats that are read, and every part that would change what stored numbers
// mean.
#include "format/quantization_config.h"

#include <gtest/gtest.h>

#include "support/error_text.h"
#include "support/goldens.h"

namespace nibble::format {
namespace {

QuantizationConfig parse(std::string_view text) {
  const json::value value = parse_json(text, "the test's text");
  return parse_quantization_config(value, "x");
}

std::string verdict(std::string_view text) {
  return testing::error_of([&] { parse(text); });
}

// One group with these weights and other fields.
std::string group(std::string_view weights, std::string_view rest = "") {
  return fmt::format(
      R"({{"quant_method":"compressed-tensors","config_groups":{{"g":{{"targets":["Linear"],"weights":{}{}}}}}}})",
      weights, rest);
}

constexpr const char* kNvfp4 = R"({"num_bits":4,"type":"float","group_size":16,"strategy":"tensor_group"})";
constexpr const char* kFp8 = R"({"num_bits":8,"type":"float","group_size":null,"strategy":"channel"})";
constexpr const char* kInt4 = R"({"num_bits":4,"type":"int","group_size":32,"strategy":"group","symmetric":true})";

TEST(QuantizationConfig, KnownFormats) {
  const QuantizationGroup nvfp4 = parse(group(kNvfp4)).groups.at(0);
  EXPECT_EQ(nvfp4.weights, WeightFormat::kNVFP4);
  EXPECT_FALSE(nvfp4.quantized_inputs);
  const QuantizationGroup w4a4 = parse(group(kNvfp4, R"(,"input_activations":)" + std::string(kNvfp4))).groups.at(0);
  EXPECT_TRUE(w4a4.quantized_inputs);
  EXPECT_TRUE(w4a4.static_input_scale);
  const QuantizationGroup fp8 =
      parse(group(kFp8, R"(,"input_activations":{"num_bits":8,"type":"float","dynamic":true})")).groups.at(0);
  EXPECT_EQ(fp8.weights, WeightFormat::kFP8);
  EXPECT_TRUE(fp8.quantized_inputs);
  EXPECT_FALSE(fp8.static_input_scale);
  const QuantizationGroup int4 = parse(group(kInt4)).groups.at(0);
  EXPECT_EQ(int4.weights, WeightFormat::kInt4);
  EXPECT_EQ(int4.group_size, 32);
}

TEST(QuantizationConfig, FirstTheIgnoreListThenTheGroups) {
  const QuantizationConfig config =
      parse(R"({"quant_method":"compressed-tensors","ignore":["a.lm_head","re:.*tower.*"],
      "config_groups":{"g":{"targets":["re:.*mlp.*"],"weights":)" +
            std::string(kNvfp4) + R"(},"h":{"targets":["Linear"],"weights":)" + kFp8 + "}}}");
  EXPECT_EQ(config.group_of("a.lm_head"), nullptr);
  EXPECT_EQ(config.group_of("a.tower.mlp"), nullptr);
  ASSERT_NE(config.group_of("a.mlp.up"), nullptr);
  EXPECT_EQ(config.group_of("a.mlp.up")->weights, WeightFormat::kNVFP4);
  EXPECT_EQ(config.group_of("a.attn")->weights, WeightFormat::kFP8);
  EXPECT_EQ(config.group_of("b.lm_head")->weights, WeightFormat::kFP8);  // names match whole
}

TEST(QuantizationConfig, WhatIsNotKnown) {
  EXPECT_EQ(verdict("{}"), "x: \"quant_method\": expected compressed-tensors, found ''");
  EXPECT_EQ(verdict(R"({"quant_method":"gptq"})"), "x: \"quant_method\": expected compressed-tensors, found 'gptq'");
  EXPECT_EQ(verdict(R"({"quant_method":"compressed-tensors"})"), "x: \"config_groups\" is missing");
  EXPECT_EQ(verdict(R"({"quant_method":"compressed-tensors","config_groups":{"g":{}}})"),
            "x: config_groups: g: \"weights\" is missing");
  EXPECT_EQ(verdict(R"({"quant_method":"compressed-tensors","config_groups":{},"ignore":"lm_head"})"),
            "x: \"ignore\": expected a list of strings, found a string");
  EXPECT_EQ(verdict(group(R"({"num_bits":8,"type":"int"})")),
            "x: config_groups: g: weights: 8-bit int weights in groups of 0 are not known (known: float 4 in "
            "16, float 8, int 4)");
  EXPECT_EQ(verdict(group(R"({"num_bits":4,"type":"float","group_size":32})")),
            "x: config_groups: g: weights: 4-bit float weights in groups of 32 are not known (known: float 4 "
            "in 16, float 8, int 4)");
  EXPECT_EQ(verdict(group(R"({"num_bits":4,"type":"int","group_size":-1})")),
            "x: config_groups: g: weights: 4-bit int weights in groups of -1 are not known (known: float 4 "
            "in 16, float 8, int 4)");
  EXPECT_EQ(verdict(group(R"({"num_bits":64})")),
            "x: config_groups: g: weights: \"num_bits\": expected 1 to 16, found 64");
  EXPECT_EQ(verdict(group(R"({"num_bits":4,"type":"int","group_size":32,"symmetric":false})")),
            "x: config_groups: g: weights: only symmetric weights are known");
  EXPECT_EQ(verdict(group(R"({"num_bits":4,"type":"int","group_size":32,"actorder":"group"})")),
            "x: config_groups: g: weights: \"actorder\": expected null, weight or static, found \"group\"");
  EXPECT_EQ(verdict(group(kInt4, R"(,"input_activations":{"num_bits":8,"type":"int"})")),
            "x: config_groups: g: input_activations: 8-bit int inputs in groups of 0 are not known beside "
            "these weights "
            "(known: float 4 in 16 with NVFP4, float 8 with FP8)");
  EXPECT_EQ(verdict(group(kFp8, R"(,"input_activations":{"num_bits":8,"type":"float","dynamic":false})")),
            "x: config_groups: g: input_activations: \"dynamic\": expected true, found false");
  EXPECT_EQ(
      verdict(group(kFp8, R"(,"input_activations":{"num_bits":8,"type":"float","dynamic":true,"strategy":"tensor"})")),
      "x: config_groups: g: input_activations: \"strategy\": expected token, found 'tensor'");
  EXPECT_EQ(verdict(group(kFp8, R"(,"output_activations":{"num_bits":8})")),
            "x: config_groups: g: \"output_activations\": expected null, found a value");
}

TEST(QuantizationConfig, TransformedWeightsAreRefused) {
  const auto with = [](std::string_view field) {
    return verdict(fmt::format(R"({{"quant_method":"compressed-tensors","config_groups":{{}},{}}})", field));
  };
  EXPECT_EQ(with(R"("transform_config":{})"), "no error");
  EXPECT_EQ(with(R"("transform_config":{"config_groups":{"u":{}}})"),
            "x: \"transform_config\": expected none, found transformations");
  EXPECT_EQ(with(R"("sparsity_config":{"format":"dense"})"), "no error");
  EXPECT_EQ(with(R"("sparsity_config":{"format":"sparse-24-bitmask"})"),
            "x: sparsity_config: \"format\": expected dense, found 'sparse-24-bitmask'");
  EXPECT_EQ(with(R"("quantization_status":"frozen")"),
            "x: \"quantization_status\": expected compressed, found 'frozen'");
}

}  // namespace
}  // namespace nibble::format
