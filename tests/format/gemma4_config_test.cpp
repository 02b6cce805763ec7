// config.json: the four releases in both spellings, and each field damaged, with the message that names it.
#include "format/gemma4_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "support/config_json.h"
#include "support/error_text.h"
#include "support/goldens.h"
#include "support/process.h"

namespace nibble::format {
namespace {

using testing::config_json;
using testing::error_of;
using testing::Release;
using testing::Spelling;

void expect_release(const Release& release, const Gemma4Config& config) {
  const TextConfig& text = config.text;
  EXPECT_EQ(text.d_model, release.d_model);
  EXPECT_EQ(text.n_heads, release.n_heads);
  EXPECT_EQ(text.n_vocab, 262144);
  EXPECT_EQ(text.d_ple, release.d_ple);
  EXPECT_EQ(text.n_vocab_ple, release.d_ple ? 262144 : 0);
  EXPECT_EQ(text.sliding_window, release.window);
  EXPECT_EQ(text.n_experts, release.n_experts);
  EXPECT_EQ(text.n_experts_used, release.n_experts_used);
  EXPECT_EQ(text.d_ff_expert, release.d_ff_expert);
  EXPECT_EQ(text.final_softcap, 30.0f);
  EXPECT_TRUE(text.tied_head);
  EXPECT_EQ(text.rope_sliding.theta, 1e4);
  EXPECT_FALSE(text.rope_sliding.proportional);
  EXPECT_EQ(text.rope_full.theta, 1e6);
  EXPECT_TRUE(text.rope_full.proportional);
  EXPECT_EQ(text.rope_full.partial_rotary_factor, 0.25);
  ASSERT_EQ(int(text.layers.size()), release.n_layers);
  const int n_own = release.n_layers - release.n_kv_shared;
  for (int i = 0; i < release.n_layers; ++i) {
    SCOPED_TRACE(i);
    const LayerConfig& layer = text.layers[std::size_t(i)];
    const bool full = (i + 1) % release.every_full == 0, shared = i >= n_own;
    EXPECT_EQ(layer.kind, full ? AttentionKind::kFull : AttentionKind::kSliding);
    EXPECT_EQ(layer.head_dim, full ? 512 : 256);
    EXPECT_EQ(layer.n_kv_heads, full && release.n_full_kv_heads ? release.n_full_kv_heads : release.n_kv_heads);
    EXPECT_EQ(layer.k_is_v, full && release.n_full_kv_heads != 0);
    EXPECT_EQ(layer.d_ff, release.d_ff * (release.double_wide && shared ? 2 : 1));
    // Both E models have a full layer right before the shared ones.
    EXPECT_EQ(layer.kv_source, !shared ? i : full ? n_own - 1 : n_own - 2);
  }
  EXPECT_EQ(config.eos_token_ids, (std::vector<int>{1, 106}));
  EXPECT_EQ(config.image_token_id, 258880);
  EXPECT_EQ(config.audio_token_id, 258881);
  EXPECT_TRUE(config.has_vision);
  EXPECT_FALSE(config.has_audio);
  EXPECT_FALSE(config.quantization);
}

TEST(Gemma4Config, EveryReleaseInBothSpellings) {
  for (const Release& release : testing::kReleases) {
    SCOPED_TRACE(release.name);
    expect_release(release, parse_gemma4_config(config_json(release, Spelling::kFlat), "config.json"));
    expect_release(release, parse_gemma4_config(config_json(release, Spelling::kPerLayer), "config.json"));
  }
}

TEST(Gemma4Config, FlatKvHeadsCountOnlyWhereKIsV) {
  json::value config = config_json(testing::kE4B, Spelling::kFlat);
  config.at("text_config").as_object()["num_global_key_value_heads"] = 1;
  EXPECT_EQ(parse_gemma4_config(config, "x").text.layers[5].n_kv_heads, 2);
}

TEST(Gemma4Config, ATextModelAlone) {
  json::value config = config_json(testing::kE4B, Spelling::kFlat).at("text_config");
  config.as_object()["eos_token_id"] = 1;
  const Gemma4Config text = parse_gemma4_config(config, "x");
  EXPECT_EQ(text.text.layers.size(), 42u);
  EXPECT_EQ(text.eos_token_ids, std::vector<int>{1});
  EXPECT_EQ(text.image_token_id, -1);
}

TEST(Gemma4Config, DefaultsAreTheReferences) {
  json::value config = config_json(testing::kE4B, Spelling::kFlat);
  for (const char* key :
       {"layer_types", "rope_parameters", "global_head_dim", "head_dim", "hidden_size_per_layer_input",
        "sliding_window", "vocab_size", "rms_norm_eps", "max_position_embeddings"})
    config.at("text_config").as_object().erase(key);
  Gemma4Config parsed = parse_gemma4_config(config, "x");
  const Gemma4Config whole = parse_gemma4_config(config_json(testing::kE4B, Spelling::kFlat), "x");
  expect_release(testing::kE4B, parsed);
  EXPECT_EQ(parsed.text.rms_norm_eps, whole.text.rms_norm_eps);
}

TEST(Gemma4Config, TheLastLayerIsAlwaysFull) {
  json::value config = config_json(testing::kReleases[3], Spelling::kFlat);
  config.at("text_config").at("layer_types").as_array().back() = "sliding_attention";
  EXPECT_EQ(parse_gemma4_config(config, "x").text.layers.back().kind, AttentionKind::kFull);
}

TEST(Gemma4Config, EveryGoldenCheckpoint) {
  int n = 0;
  for (const fs::path& root : {testing::own_goldens(), testing::shared_goldens()}) {
    if (root.empty()) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / "model")) {
      if (entry.path().filename() != "config.json") continue;
      const std::string folder = entry.path().parent_path().string();
      if (folder.find("assistant") != std::string::npos) continue;  // the drafter has a type of its own
      EXPECT_NO_THROW(load_gemma4_config(folder)) << folder;
      ++n;
    }
  }
  EXPECT_GE(n, 9);
}

// ---- damage ----

// E4B's configuration with one field of text_config (or, after "/", of the whole) set to this JSON.
std::string verdict(std::string_view field, std::string_view value, Spelling spelling = Spelling::kFlat) {
  json::value config = config_json(testing::kE4B, spelling);
  json::object* object = &config.as_object();
  if (field[0] == '/') {
    field.remove_prefix(1);
  } else {
    object = &config.at("text_config").as_object();
  }
  if (value.empty()) {
    object->erase(field);
  } else {
    (*object)[field] = parse_json(value, "the test's value");
  }
  return error_of([&] { parse_gemma4_config(config, "x"); });
}

TEST(Gemma4Config, WhatIsNoGemma4) {
  EXPECT_EQ(verdict("/model_type", "\"gemma3\""), "x: \"model_type\": expected gemma4 or gemma4_text, found 'gemma3'");
  EXPECT_EQ(verdict("/model_type", ""), "x: \"model_type\": expected gemma4 or gemma4_text, found ''");
  EXPECT_EQ(verdict("/model_type", "4"), "x: \"model_type\": expected a string, found an integer");
  EXPECT_EQ(verdict("/text_config", ""), "x: \"text_config\" is missing");
  EXPECT_EQ(verdict("/text_config", "[]"), "x: text_config: expected an object, found an array");
  const json::value list = json::array();
  EXPECT_EQ(error_of([&] { parse_gemma4_config(list, "x"); }), "x: expected an object, found an array");
}

// F3: each size set to what would divide by zero, wrap or exhaust memory.
TEST(Gemma4Config, EverySizeHasARange) {
  struct Field {
    const char* name;
    std::int64_t min, max;
  };
  for (const Field& f :
       {Field{"num_hidden_layers", 1, 256}, Field{"hidden_size", 1, 65536}, Field{"num_attention_heads", 1, 256},
        Field{"num_key_value_heads", 1, 256}, Field{"head_dim", 1, 65536}, Field{"global_head_dim", 1, 65536},
        Field{"intermediate_size", 1, 65536}, Field{"vocab_size", 1, 1 << 20},
        Field{"vocab_size_per_layer_input", 1, 1 << 20}, Field{"sliding_window", 1, 1 << 24},
        Field{"hidden_size_per_layer_input", 0, 4096}, Field{"num_kv_shared_layers", 0, 41},
        Field{"pad_token_id", 0, 262143}, Field{"max_position_embeddings", 1, 1 << 24}}) {
    SCOPED_TRACE(f.name);
    for (const std::string& value :
         {std::to_string(f.min - 1), std::to_string(f.max + 1), std::string("-1"), std::string("1000000000"),
          std::string("9223372036854775807"), std::string("18446744073709551615")})
      EXPECT_EQ(verdict(f.name, value),
                fmt::format("x: text_config: \"{}\": expected {} to {}, found {}", f.name, f.min, f.max, value));
    for (const char* value : {"\"8\"", "[8]", "true"})
      EXPECT_NE(verdict(f.name, value).find(fmt::format("x: text_config: \"{}\": expected an integer, found ", f.name)),
                std::string::npos);
    EXPECT_EQ(verdict(f.name, "8.5"),
              fmt::format("x: text_config: \"{}\": expected an integer, found a number", f.name));
    EXPECT_EQ(verdict(f.name, "1e300"),
              fmt::format("x: text_config: \"{}\": expected an integer, found a number", f.name));
  }
  for (const char* name : {"num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"}) {
    EXPECT_EQ(verdict(name, ""), fmt::format("x: text_config: \"{}\" is missing", name));
    EXPECT_EQ(verdict(name, "null"), fmt::format("x: text_config: \"{}\" is missing", name));
  }
  EXPECT_EQ(verdict("hidden_size", "2560.0"), "no error");
}

TEST(Gemma4Config, HeadsThatDoNotDivide) {
  EXPECT_EQ(verdict("head_dim", "255"), "x: text_config: layer 0: head_dim must be even, found 255");
  EXPECT_EQ(verdict("global_head_dim", "511"), "x: text_config: layer 5: head_dim must be even, found 511");
  EXPECT_EQ(verdict("num_key_value_heads", "3"),
            "x: text_config: layer 0: 8 attention heads are no multiple of 3 key-value heads");
}

TEST(Gemma4Config, Numbers) {
  EXPECT_EQ(verdict("rms_norm_eps", "0"), "x: text_config: \"rms_norm_eps\": expected 1e-12 to 1, found 0");
  EXPECT_EQ(verdict("rms_norm_eps", "1e300"), "x: text_config: \"rms_norm_eps\": expected 1e-12 to 1, found 1e+300");
  EXPECT_EQ(verdict("rms_norm_eps", "\"x\""), "x: text_config: \"rms_norm_eps\": expected a number, found a string");
  EXPECT_EQ(verdict("final_logit_softcapping", "-1"),
            "x: text_config: \"final_logit_softcapping\": expected 0 to 1000000, found -1");
  EXPECT_EQ(verdict("final_logit_softcapping", "null"), "no error");
}

TEST(Gemma4Config, NaNAndInfinityAreNoJson) {
  const testing::TemporaryDirectory temporary;
  const auto load = [&](const std::string& text) {
    std::ofstream(temporary.file("config.json")) << text;
    return error_of([&] { load_gemma4_config(temporary.path()); }, temporary.path());
  };
  EXPECT_EQ(load("{\"rms_norm_eps\": NaN}"), "DIR/config.json: line 1, column 18: not valid JSON (syntax error)");
  EXPECT_EQ(load("{\"rms_norm_eps\": Infinity}"), "DIR/config.json: line 1, column 18: not valid JSON (syntax error)");
  EXPECT_EQ(load("{\n\"rms_norm_eps\": -Infinity}"),
            "DIR/config.json: line 2, column 18: not valid JSON (syntax error)");
  json::value infinite = config_json(testing::kE4B, Spelling::kFlat);
  infinite.at("text_config").as_object()["rms_norm_eps"] = INFINITY;
  EXPECT_EQ(error_of([&] { parse_gemma4_config(infinite, "x"); }),
            "x: text_config: \"rms_norm_eps\": expected a finite number");
}

TEST(Gemma4Config, Files) {
  const testing::TemporaryDirectory temporary;
  EXPECT_EQ(error_of([] { load_gemma4_config("/nowhere"); }), "/nowhere: no such model directory");
  EXPECT_EQ(error_of([&] { load_gemma4_config(temporary.path()); }, temporary.path()),
            "DIR/config.json: not found (a model directory holds config.json and its safetensors)");
  std::ofstream(temporary.file("config.json")) << std::string((16u << 20) + 1, ' ');
  EXPECT_EQ(error_of([&] { load_gemma4_config(temporary.path()); }, temporary.path()),
            "DIR/config.json: 16777217 bytes, at most 16777216 are read");
}

TEST(Gemma4Config, LayerTypes) {
  EXPECT_EQ(verdict("layer_types", "[\"full_attention\"]"),
            "x: text_config: \"layer_types\": expected 42 entries (num_hidden_layers), found 1");
  EXPECT_EQ(verdict("layer_types", "[\"chunked_attention\"]"),
            "x: text_config: \"layer_types\": expected sliding_attention or full_attention, found "
            "'chunked_attention'");
  EXPECT_EQ(verdict("layer_types", "7"),
            "x: text_config: \"layer_types\": expected a list of strings, found an integer");
  EXPECT_EQ(verdict("layer_types", "[7]"),
            "x: text_config: \"layer_types\": expected a list of strings, found an integer in it");
  EXPECT_EQ(verdict("num_kv_shared_layers", "41"),
            "x: text_config: \"num_kv_shared_layers\": 41 leaves layer 5 no layer of "
            "its kind to read keys and values from");
}

TEST(Gemma4Config, PerLayerConfig) {
  const auto with = [](std::string_view value) { return verdict("per_layer_config", value, Spelling::kPerLayer); };
  EXPECT_EQ(with("[]"), "x: text_config: per_layer_config: expected an object, found an array");
  EXPECT_EQ(with(R"({"x":{}})"), "x: text_config: per_layer_config: \"x\" is not the number of a layer");
  EXPECT_EQ(with(R"({"42":{}})"), "x: text_config: per_layer_config: \"42\" is not the number of a layer");
  EXPECT_EQ(with(R"({"-1":{}})"), "x: text_config: per_layer_config: \"-1\" is not the number of a layer");
  EXPECT_EQ(with(R"({"5 ":{}})"), "x: text_config: per_layer_config: \"5 \" is not the number of a layer");
  EXPECT_EQ(with(R"({"5":7})"), "x: text_config: per_layer_config: 5: expected an object, found an integer");
  EXPECT_EQ(with(R"({"5":{},"05":{}})"), "x: text_config: per_layer_config: layer 5 is named twice");
  EXPECT_EQ(with(R"({"5":{"head_dim":0}})"),
            "x: text_config: per_layer_config: 5: \"head_dim\": expected 1 to 65536, found 0");
  EXPECT_EQ(with(R"({"5":{"intermediate_size":64}})"),
            "x: text_config: per_layer_config: 5: \"intermediate_size\" is not known "
            "to differ by layer (known: head_dim, num_key_value_heads)");
  EXPECT_EQ(with(R"({"29":{"head_dim":512}})"),
            "x: text_config: layer 29 shares the keys and values of layer 23, which have another shape");
}

TEST(Gemma4Config, Rope) {
  const auto with = [](std::string_view value) { return verdict("rope_parameters", value); };
  const std::string sliding = R"("sliding_attention":{"rope_theta":1e4,"rope_type":"default"})";
  EXPECT_EQ(with("null"), "no error");
  EXPECT_EQ(with("{}"), "x: text_config: rope_parameters: \"sliding_attention\" is missing");
  EXPECT_EQ(with(R"({"rope_theta":1e4,"rope_type":"default"})"),
            "x: text_config: rope_parameters: \"sliding_attention\" is missing");
  EXPECT_EQ(with("{" + sliding + "}"), "x: text_config: rope_parameters: \"full_attention\" is missing");
  EXPECT_EQ(with("{" + sliding + R"(,"full_attention":{"rope_type":"proportional"}})"),
            "x: text_config: rope_parameters: full_attention: \"rope_theta\" is missing");
  EXPECT_EQ(with("{" + sliding + R"(,"full_attention":{"rope_theta":0}})"),
            "x: text_config: rope_parameters: full_attention: \"rope_theta\": expected 1 to 1000000000000, "
            "found 0");
  EXPECT_EQ(with("{" + sliding + R"(,"full_attention":{"rope_theta":1e6,"rope_type":"yarn"}})"),
            "x: text_config: rope_parameters: full_attention: \"rope_type\": expected default or "
            "proportional, found 'yarn'");
  EXPECT_EQ(with("{" + sliding + R"(,"full_attention":{"rope_theta":1e6,"partial_rotary_factor":1.5}})"),
            "x: text_config: rope_parameters: full_attention: \"partial_rotary_factor\": expected 0 to 1, "
            "found 1.5");
  EXPECT_EQ(with("{" + sliding + R"(,"full_attention":{"rope_theta":1e6,"factor":8}})"),
            "x: text_config: rope_parameters: full_attention: \"factor\": expected 1 to 1, found 8");
}

TEST(Gemma4Config, WhatThisModelDoesNotDo) {
  EXPECT_EQ(verdict("hidden_activation", "\"silu\""),
            "x: text_config: \"hidden_activation\": expected gelu_pytorch_tanh, found 'silu'");
  EXPECT_EQ(verdict("attention_bias", "true"), "x: text_config: \"attention_bias\": only false is known");
  EXPECT_EQ(verdict("attention_bias", "1"),
            "x: text_config: \"attention_bias\": expected true or false, found an integer");
  EXPECT_EQ(verdict("use_bidirectional_attention", "\"all\""),
            "x: text_config: \"use_bidirectional_attention\": expected null or vision, found 'all'");
  EXPECT_EQ(verdict("vocab_size_per_layer_input", "1000"),
            "x: text_config: \"vocab_size_per_layer_input\": expected at least vocab_size (262144), found 1000");
  EXPECT_EQ(verdict("enable_moe_block", "true"), "x: text_config: \"num_experts\" is missing");
}

TEST(Gemma4Config, Ids) {
  EXPECT_EQ(verdict("/eos_token_id", "262144"), "x: \"eos_token_id\": expected 0 to 262143, found 262144");
  EXPECT_EQ(verdict("/eos_token_id", "[1,-1]"), "x: \"eos_token_id\": expected ids below 262144");
  EXPECT_EQ(verdict("/eos_token_id", "[\"1\"]"), "x: \"eos_token_id\": expected ids below 262144");
  EXPECT_EQ(verdict("/image_token_id", "262144"), "x: \"image_token_id\": expected -1 to 262143, found 262144");
}

}  // namespace
}  // namespace nibble::format
