// config.json of the four Gemma 4 releases, in both published spellings, for tests that read or damage one.
#pragma once

#include <string>

#include "base/json.h"

namespace nibble::testing {

struct Release {
  const char* name;
  int n_layers, every_full, d_model, d_ff, n_heads, n_kv_heads,
      n_full_kv_heads;  // 0 full KV heads: as the others
  int d_ple, n_kv_shared, window, n_experts, n_experts_used, d_ff_expert;
  bool double_wide;
};

inline constexpr Release kReleases[] = {
    {"E2B", 35, 5, 1536, 6144, 8, 1, 0, 256, 20, 512, 0, 0, 0, true},
    {"E4B", 42, 6, 2560, 10240, 8, 2, 0, 256, 18, 512, 0, 0, 0, false},
    {"26B-A4B", 30, 6, 2816, 2112, 16, 8, 2, 0, 0, 1024, 128, 8, 704, false},
    {"31B", 60, 6, 5376, 21504, 32, 16, 4, 0, 0, 1024, 0, 0, 0, false},
};
inline constexpr const Release& kE4B = kReleases[1];

enum class Spelling { kFlat, kPerLayer };

inline json::value config_json(const Release& release, Spelling spelling) {
  const auto number_or_null = [](int n) { return n ? json::value(n) : json::value(nullptr); };
  json::array layer_types;
  json::object per_layer;
  for (int i = 0; i < release.n_layers; ++i) {
    const bool full = i % release.every_full == release.every_full - 1;
    layer_types.push_back(full ? "full_attention" : "sliding_attention");
    if (!full) continue;
    json::object overrides = {{"head_dim", 512}};
    if (release.n_full_kv_heads) overrides["num_key_value_heads"] = release.n_full_kv_heads;
    per_layer[(i < 10 ? "0" : "") + std::to_string(i)] = overrides;  // zero-padded, as the library writes them
  }
  json::object text = {
      {"attention_bias", false},
      {"attention_k_eq_v", release.n_full_kv_heads != 0},
      {"enable_moe_block", release.n_experts != 0},
      {"final_logit_softcapping", 30.0},
      {"head_dim", 256},
      {"hidden_activation", "gelu_pytorch_tanh"},
      {"hidden_size", release.d_model},
      {"hidden_size_per_layer_input", number_or_null(release.d_ple)},
      {"intermediate_size", release.d_ff},
      {"layer_types", layer_types},
      {"max_position_embeddings", release.window == 512 ? 131072 : 262144},
      {"model_type", "gemma4_text"},
      {"moe_intermediate_size", number_or_null(release.d_ff_expert)},
      {"num_attention_heads", release.n_heads},
      {"num_experts", number_or_null(release.n_experts)},
      {"num_hidden_layers", release.n_layers},
      {"num_key_value_heads", release.n_kv_heads},
      {"num_kv_shared_layers", release.n_kv_shared},
      {"pad_token_id", 0},
      {"rms_norm_eps", 1e-6},
      {"rope_parameters",
       {{"full_attention", {{"partial_rotary_factor", 0.25}, {"rope_theta", 1e6}, {"rope_type", "proportional"}}},
        {"sliding_attention", {{"rope_theta", 1e4}, {"rope_type", "default"}}}}},
      {"sliding_window", release.window},
      {"tie_word_embeddings", true},
      {"top_k_experts", number_or_null(release.n_experts_used)},
      {"use_bidirectional_attention", release.n_full_kv_heads ? json::value("vision") : json::value(nullptr)},
      {"use_double_wide_mlp", release.double_wide},
      {"vocab_size", 262144},
      {"vocab_size_per_layer_input", 262144}};
  if (spelling == Spelling::kFlat) {
    text["global_head_dim"] = 512;
    text["num_global_key_value_heads"] = number_or_null(release.n_full_kv_heads);
  } else {
    text["per_layer_config"] = per_layer;
  }
  return {{"architectures", {"Gemma4ForConditionalGeneration"}},
          {"audio_token_id", 258881},
          {"eos_token_id", {1, 106}},
          {"image_token_id", 258880},
          {"model_type", "gemma4"},
          {"text_config", text},
          {"tie_word_embeddings", true},
          {"video_token_id", 258884},
          {"vision_config", {{"model_type", "gemma4_vision"}}}};
}

}  // namespace nibble::testing
