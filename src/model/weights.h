// The weights of a Gemma 4 text model: loading is the shape contract. Every tensor is asked for by name, type and shape;
// what the checkpoint stores quantized comes as its quantization_config says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "format/checkpoint.h"
#include "format/gemma4_config.h"

namespace nibble::model {

// One or more linears that read the same input, stacked by row where they are stored alike: q, k, v; gate, up.
struct Linear {
  struct Piece {
    std::unique_ptr<device::Matrix> matrix;
    int first_row = 0;  // in the stacked output
  };
  std::vector<std::string> modules;  // "model.language_model.layers.0.self_attn.q_proj", ...
  std::vector<Piece> pieces;
  int rows = 0, cols = 0;
};

using Norm = std::unique_ptr<device::Buffer>;  // [1, n]

struct Expert {
  Linear gate_up, down;
};

struct MixtureOfExperts {
  Linear router;                        // [n_experts, d_model]
  Norm router_scale;                    // [1, d_model], times d_model^-0.5
  std::vector<float> per_expert_scale;  // [n_experts]
  std::vector<Expert> experts;
  Norm post_dense_norm, pre_norm, post_norm;  // post_feedforward_layernorm_1, pre_..._2, post_..._2
};

struct Layer {
  format::LayerConfig config;
  Norm attention_norm, attention_post_norm, ffn_norm, ffn_post_norm;
  Linear qkv;  // q alone in KV-shared layers; q, k where K is V
  Linear o;
  Norm q_norm, k_norm;  // no k_norm in KV-shared layers
  Linear gate_up, down;
  Linear ple_gate, ple_projection;  // no rows without per-layer embeddings
  Norm ple_norm;
  float scalar = 1.0f;
  std::unique_ptr<MixtureOfExperts> moe;  // 26B-A4B
};

// Rows of a bf16 table read from the file when asked for: the token embedding and the PLE table. A gather costs a few
// kilobytes a token, so neither is resident; a file that shrinks meanwhile is an Error.
class RowTable {
 public:
  RowTable() = default;
  RowTable(format::Checkpoint::Entry entry, int n_rows, int n_cols) : entry_(entry), rows_(n_rows), cols_(n_cols) {}
  int rows() const { return rows_; }
  int cols() const { return cols_; }
  void read(int row, float* out) const;  // [cols]

 private:
  format::Checkpoint::Entry entry_{};
  int rows_ = 0, cols_ = 0;
};

struct LoadOptions {
  bool quantize_fp8 = false;  // `--quantization fp8`: BF16 linears become FP8 while loading
};

struct Weights {
  format::Gemma4Config config;
  std::shared_ptr<const format::Checkpoint> checkpoint;  // the tables read from it
  RowTable embedding;                                    // [n_vocab, d_model]
  RowTable ple;                                          // [n_vocab_ple, n_layers * d_ple]
  // per_layer_model_projection [n_layers * d_ple, d_model], cut at the first KV-shared layer: a prompt token whose logits
  // nobody wants needs only the lower part.
  Linear ple_lower, ple_upper;
  int n_own_layers = 0;      // layers before the cut: all that store KV are among them
  Norm ple_projection_norm;  // [1, d_ple]
  std::vector<Layer> layers;
  Norm final_norm;
  Linear head;  // [n_vocab, d_model]
  std::size_t resident_bytes = 0;
};

Weights load_weights(const std::string& directory, device::Device& device, const LoadOptions& options = {});

}  // namespace nibble::model
