#include "model/weights.h"

#include <cstring>

#include "base/error.h"
#include "format/bf16.h"
#include "model/linear.h"

namespace nibble::model {
namespace {

using device::MatrixSource;
using format::DType;
using format::LayerConfig;
using format::TextConfig;

class Loader {
 public:
  Loader(Weights& weights, device::Device& device, const LoadOptions& options)
      : weights_(weights),
        checkpoint_(*weights.checkpoint),
        text_(weights.config.text),
        device_(device),
        linears_(checkpoint_, weights.config, device, options),
        prefix_(find_prefix()) {}

  void load() {
    const int d_model = text_.d_model;
    weights_.embedding = table("embed_tokens", text_.n_vocab, d_model);
    if (text_.d_ple > 0) {
      const int rows = int(text_.layers.size()) * text_.d_ple;
      weights_.ple = table("embed_tokens_per_layer", text_.n_vocab_ple, rows);
      const MatrixSource projection = linears_.source(prefix_ + "per_layer_model_projection", {rows, d_model});
      weights_.n_own_layers = own_layers();
      const int cut = weights_.n_own_layers * text_.d_ple;
      weights_.ple_lower = linears_.load({rows_of(projection, 0, cut)});
      if (cut < rows) weights_.ple_upper = linears_.load({rows_of(projection, cut, rows - cut)});
      weights_.ple_projection_norm = vector("per_layer_projection_norm.weight", text_.d_ple);
    }
    weights_.n_own_layers = own_layers();
    for (int index = 0; index < int(text_.layers.size()); ++index) weights_.layers.push_back(layer(index));
    weights_.final_norm = vector("norm.weight", d_model);
    weights_.head = head();
  }

 private:
  // The multimodal release nests the text model; a text-only export does not.
  std::string find_prefix() const {
    for (const char* prefix : {"model.language_model.", "model."})
      if (checkpoint_.find(std::string(prefix) + "embed_tokens.weight")) return prefix;
    throw Error("{}: tensor 'model.language_model.embed_tokens.weight' is missing: not a Gemma 4 text checkpoint",
                checkpoint_.directory());
  }

  int own_layers() const {
    int n = 0;
    for (int i = 0; i < int(text_.layers.size()); ++i)
      if (text_.layers[std::size_t(i)].kv_source == i) n = i + 1;
    return n;
  }

  RowTable table(const std::string& name, int rows, int cols) const {
    return RowTable(
        checkpoint_.require(prefix_ + name + ".weight", DType::kBF16, std::vector<std::int64_t>{rows, cols}), rows,
        cols);
  }

  std::vector<float> values(const std::string& name, int n) const {
    const auto entry = checkpoint_.require(prefix_ + name, DType::kBF16, std::vector<std::int64_t>{n});
    std::vector<std::uint16_t> bits(static_cast<std::size_t>(n));
    entry.read(0, std::as_writable_bytes(std::span(bits)));
    std::vector<float> result;
    for (const std::uint16_t b : bits) result.push_back(format::bf16_to_f32(b));
    return result;
  }

  Norm vector(const std::string& name, int n) const {
    Norm norm = device_.allocate(1, n);
    device_.write(values(name, n), norm->array());
    return norm;
  }

  Linear head() const {
    const std::string name = text_.tied_head ? prefix_ + "embed_tokens" : "lm_head";
    device::MatrixSource source = linears_.slice(name + ".weight", {text_.n_vocab, text_.d_model}, 0,
                                                 {text_.n_vocab, text_.d_model}, Online::kNever);
    source.is_head = true;
    return linears_.load({source});
  }

  Layer layer(int index) const {
    const LayerConfig& config = text_.layers[std::size_t(index)];
    const int d_model = text_.d_model, q_rows = text_.n_heads * config.head_dim;
    const int kv_rows = config.n_kv_heads * config.head_dim;
    const std::string name = "layers." + std::to_string(index) + ".";
    const std::string module = prefix_ + name;
    const bool own_kv = config.kv_source == index;

    Layer layer;
    layer.config = config;
    layer.attention_norm = vector(name + "input_layernorm.weight", d_model);
    layer.attention_post_norm = vector(name + "post_attention_layernorm.weight", d_model);
    layer.ffn_norm = vector(name + "pre_feedforward_layernorm.weight", d_model);
    layer.ffn_post_norm = vector(name + "post_feedforward_layernorm.weight", d_model);
    layer.q_norm = vector(name + "self_attn.q_norm.weight", config.head_dim);
    std::vector<MatrixSource> qkv = {linears_.source(module + "self_attn.q_proj", {q_rows, d_model})};
    if (own_kv) {
      layer.k_norm = vector(name + "self_attn.k_norm.weight", config.head_dim);
      qkv.push_back(linears_.source(module + "self_attn.k_proj", {kv_rows, d_model}));
      if (!config.k_is_v) qkv.push_back(linears_.source(module + "self_attn.v_proj", {kv_rows, d_model}));
    }
    layer.qkv = linears_.load(std::move(qkv));
    layer.o = linears_.load(module + "self_attn.o_proj", {d_model, q_rows});
    layer.gate_up = linears_.load({linears_.source(module + "mlp.gate_proj", {config.d_ff, d_model}),
                                   linears_.source(module + "mlp.up_proj", {config.d_ff, d_model})});
    layer.down = linears_.load(module + "mlp.down_proj", {d_model, config.d_ff});
    if (text_.d_ple > 0) {
      layer.ple_gate = linears_.load(module + "per_layer_input_gate", {text_.d_ple, d_model});
      layer.ple_projection = linears_.load(module + "per_layer_projection", {d_model, text_.d_ple});
      layer.ple_norm = vector(name + "post_per_layer_input_norm.weight", d_model);
    }
    layer.scalar = values(name + "layer_scalar", 1)[0];
    if (text_.n_experts > 0) layer.moe = mixture(name);
    return layer;
  }

  std::unique_ptr<MixtureOfExperts> mixture(const std::string& name) const {
    const int d_model = text_.d_model, d_ff = text_.d_ff_expert, n_experts = text_.n_experts;
    auto moe = std::make_unique<MixtureOfExperts>();
    moe->router = linears_.load(prefix_ + name + "router.proj", {n_experts, d_model});
    moe->router_scale = vector(name + "router.scale", d_model);
    moe->per_expert_scale = values(name + "router.per_expert_scale", n_experts);
    moe->post_dense_norm = vector(name + "post_feedforward_layernorm_1.weight", d_model);
    moe->pre_norm = vector(name + "pre_feedforward_layernorm_2.weight", d_model);
    moe->post_norm = vector(name + "post_feedforward_layernorm_2.weight", d_model);
    // A BF16 release stacks its experts in two tensors; a quantized checkpoint names each.
    const std::string experts = prefix_ + name + "experts.";
    const bool stacked = checkpoint_.find(experts + "gate_up_proj").has_value();
    for (int e = 0; e < n_experts; ++e) {
      Expert expert;
      const std::string module = experts + std::to_string(e) + ".";
      if (stacked) {
        expert.gate_up = linears_.load({linears_.slice(experts + "gate_up_proj", {n_experts, 2 * d_ff, d_model},
                                                       e * 2 * d_ff, {2 * d_ff, d_model})});
        expert.down = linears_.load(
            {linears_.slice(experts + "down_proj", {n_experts, d_model, d_ff}, e * d_model, {d_model, d_ff})});
        expert.gate_up.modules = {module + "gate_proj", module + "up_proj"};
        expert.down.modules = {module + "down_proj"};
      } else {
        expert.gate_up = linears_.load({linears_.source(module + "gate_proj", {d_ff, d_model}),
                                        linears_.source(module + "up_proj", {d_ff, d_model})});
        expert.down = linears_.load(module + "down_proj", {d_model, d_ff});
      }
      moe->experts.push_back(std::move(expert));
    }
    return moe;
  }

  Weights& weights_;
  const format::Checkpoint& checkpoint_;
  const TextConfig& text_;
  device::Device& device_;
  LinearLoader linears_;
  std::string prefix_;
};

std::size_t bytes_of(const Linear& linear) {
  std::size_t bytes = 0;
  for (const Linear::Piece& piece : linear.pieces) bytes += piece.matrix->bytes;
  return bytes;
}

}  // namespace

void RowTable::read(int row, float* out) const {
  // Converted in place, from the back: the bf16 row sits in the upper half of the f32 row.
  auto* bits = reinterpret_cast<std::byte*>(out) + std::size_t(cols_) * 2;
  entry_.read(std::uint64_t(row) * std::uint64_t(cols_) * 2, {bits, std::size_t(cols_) * 2});
  for (int i = 0; i < cols_; ++i) {
    std::uint16_t value;
    std::memcpy(&value, bits + std::size_t(i) * 2, 2);
    out[i] = format::bf16_to_f32(value);
  }
}

Weights load_weights(const std::string& directory, device::Device& device, const LoadOptions& options) {
  Weights weights;
  weights.config = format::load_gemma4_config(directory);
  weights.checkpoint = std::make_shared<const format::Checkpoint>(format::Checkpoint::open(directory));
  Loader(weights, device, options).load();
  weights.resident_bytes = bytes_of(weights.ple_lower) + bytes_of(weights.ple_upper) + bytes_of(weights.head);
  for (const Layer& layer : weights.layers) {
    for (const Linear* linear :
         {&layer.qkv, &layer.o, &layer.gate_up, &layer.down, &layer.ple_gate, &layer.ple_projection})
      weights.resident_bytes += bytes_of(*linear);
    if (!layer.moe) continue;
    weights.resident_bytes += bytes_of(layer.moe->router);
    for (const Expert& expert : layer.moe->experts)
      weights.resident_bytes += bytes_of(expert.gate_up) + bytes_of(expert.down);
  }
  return weights;
}

}  // namespace nibble::model
