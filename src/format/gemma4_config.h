// config.json of a Gemma 4 checkpoint (E2B, E4B, 26B-A4B, 31B), every number bounded before anything is sized by it.
// Both published spellings are read: flat (global_head_dim, num_global_key_value_heads) and per_layer_config.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "format/quantization_config.h"

namespace nibble::format {

enum class AttentionKind : std::uint8_t { kSliding, kFull };

struct RopeConfig {
  double theta = 10000.0;
  bool proportional = false;  // true: only the first partial * head_dim / 2 frequencies rotate
  double partial_rotary_factor = 1.0;
};

// One layer of the text model. Sizes are per layer: sliding and full layers differ.
struct LayerConfig {
  AttentionKind kind = AttentionKind::kSliding;
  int head_dim = 0;
  int n_kv_heads = 0;
  int d_ff = 0;         // doubled in KV-shared layers of double-wide models
  bool k_is_v = false;  // full layers of 26B and 31B: V is the k_proj output
  int kv_source = -1;   // the layer whose K and V this one reads; its own index unless KV is shared
};

struct TextConfig {
  int d_model = 0;
  int n_heads = 0;
  int n_vocab = 0;
  int n_vocab_ple = 0;     // rows of the PLE table
  int d_ple = 0;           // 0: no per-layer embeddings
  int sliding_window = 0;  // tokens a sliding layer sees, itself included
  int max_positions = 0;
  float rms_norm_eps = 1e-6f;
  float final_softcap = 0;  // 0: none
  bool tied_head = true;
  int pad_token_id = 0;
  RopeConfig rope_sliding, rope_full;
  std::vector<LayerConfig> layers;
  // Mixture of experts (26B-A4B): n_experts 0 where there is none.
  int n_experts = 0;
  int n_experts_used = 0;
  int d_ff_expert = 0;
};

struct Gemma4Config {
  std::string directory;
  TextConfig text;
  std::vector<int> eos_token_ids;
  int image_token_id = -1, audio_token_id = -1, video_token_id = -1;  // soft-token placeholders; -1: none
  bool has_vision = false, has_audio = false;
  std::optional<QuantizationConfig> quantization;  // of a quantized checkpoint
  json::value raw;                                 // the whole file, for writing it back
};

Gemma4Config parse_gemma4_config(const json::value& config, const std::string& source);
Gemma4Config load_gemma4_config(const std::string& directory);  // directory/config.json

}  // namespace nibble::format
