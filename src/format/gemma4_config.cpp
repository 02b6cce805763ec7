#include "format/gemma4_config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/file.h"

namespace nibble::format {
namespace {

// Generous bounds of every size: what they multiply to fits 64 bits with room.
constexpr JsonFields::Range kLayers{1, 256}, kHeads{1, 256}, kDimension{1, 65536}, kVocabulary{1, 1 << 20},
    kPositions{1, 1 << 24}, kExperts{1, 1024};

AttentionKind attention_kind(const std::string& name, const std::string& source) {
  if (name == "sliding_attention") return AttentionKind::kSliding;
  if (name == "full_attention") return AttentionKind::kFull;
  throw Error("{}: \"layer_types\": expected sliding_attention or full_attention, found '{}'", source, name);
}

std::vector<AttentionKind> layer_kinds(const JsonFields& text, int n_layers) {
  std::vector<AttentionKind> kinds;
  for (const std::string& name : text.strings("layer_types")) kinds.push_back(attention_kind(name, text.source()));
  if (kinds.empty())  // the default: five sliding, one full
    for (int i = 0; i < n_layers; ++i) kinds.push_back((i + 1) % 6 ? AttentionKind::kSliding : AttentionKind::kFull);
  if (int(kinds.size()) != n_layers)
    throw Error("{}: \"layer_types\": expected {} entries (num_hidden_layers), found {}", text.source(), n_layers,
                kinds.size());
  kinds.back() = AttentionKind::kFull;  // as the reference forces it
  return kinds;
}

// A number with `min` <= it <= `max`; what a file gives is compared before it becomes a float.
double bounded(const JsonFields& fields, std::string_view key, double min, double max, double fallback) {
  const double value = fields.number(key, fallback);
  if (value < min || value > max)
    throw Error("{}: \"{}\": expected {} to {}, found {}", fields.source(), key, min, max, value);
  return value;
}

RopeConfig rope(const JsonFields& text, std::string_view kind, RopeConfig fallback) {
  const auto all = text.object("rope_parameters");
  if (!all) return fallback;
  const auto mine = all->object(kind);
  if (!mine) throw Error("{}: \"{}\" is missing", all->source(), kind);
  RopeConfig config;
  const std::string type = mine->string("rope_type", "default");
  if (type != "default" && type != "proportional")
    throw Error("{}: \"rope_type\": expected default or proportional, found '{}'", mine->source(), type);
  if (!mine->has("rope_theta")) throw Error("{}: \"rope_theta\" is missing", mine->source());
  config.proportional = type == "proportional";
  config.theta = bounded(*mine, "rope_theta", 1, 1e12, 0);
  config.partial_rotary_factor = bounded(*mine, "partial_rotary_factor", 0, 1, 1);
  bounded(*mine, "factor", 1, 1, 1);
  return config;
}

// Sizes of full layers: `per_layer_config` names them layer by layer, the older spelling for all at once.
void apply_overrides(const JsonFields& text, bool k_is_v, std::vector<LayerConfig>& layers) {
  if (const auto per_layer = text.object("per_layer_config")) {
    std::set<int> named;
    for (const auto& [key, value] : per_layer->raw()) {
      int index = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc() || end != key.data() + key.size() || index < 0 || index >= int(layers.size()))
        throw Error("{}: \"{}\" is not the number of a layer", per_layer->source(), std::string_view(key));
      const JsonFields overrides(value, per_layer->source() + ": " + std::string(key));
      if (!named.insert(index).second) throw Error("{}: layer {} is named twice", per_layer->source(), index);
      for (const auto& [name, unused] : overrides.raw())
        if (name != "head_dim" && name != "num_key_value_heads")
          throw Error("{}: \"{}\" is not known to differ by layer (known: head_dim, num_key_value_heads)",
                      overrides.source(), std::string_view(name));
      LayerConfig& layer = layers[std::size_t(index)];
      layer.head_dim = int(overrides.integer("head_dim", kDimension, layer.head_dim));
      layer.n_kv_heads = int(overrides.integer("num_key_value_heads", kHeads, layer.n_kv_heads));
    }
    return;
  }
  for (LayerConfig& layer : layers) {
    if (layer.kind != AttentionKind::kFull) continue;
    layer.head_dim = int(text.integer("global_head_dim", kDimension, 512));
    if (k_is_v) layer.n_kv_heads = int(text.integer("num_global_key_value_heads", kHeads, layer.n_kv_heads));
  }
}

void share_kv(const JsonFields& text, std::vector<LayerConfig>& layers) {
  const int n = int(layers.size());
  const int n_shared = int(text.integer("num_kv_shared_layers", {0, n - 1}, 0));
  for (int i = 0; i < n; ++i) {
    layers[std::size_t(i)].kv_source = i;
    if (i < n - n_shared) continue;
    int source = n - n_shared - 1;
    while (source >= 0 && layers[std::size_t(source)].kind != layers[std::size_t(i)].kind) --source;
    if (source < 0)
      throw Error("{}: \"num_kv_shared_layers\": {} leaves layer {} no layer of its kind to read keys and values from",
                  text.source(), n_shared, i);
    const LayerConfig &own = layers[std::size_t(source)], &reader = layers[std::size_t(i)];
    if (own.head_dim != reader.head_dim || own.n_kv_heads != reader.n_kv_heads)
      throw Error("{}: layer {} shares the keys and values of layer {}, which have another shape", text.source(), i,
                  source);
    layers[std::size_t(i)].kv_source = source;
  }
}

TextConfig parse_text(const JsonFields& text, bool tied_default) {
  TextConfig config;
  const std::string activation = text.string("hidden_activation", "gelu_pytorch_tanh");
  if (activation != "gelu_pytorch_tanh")
    throw Error("{}: \"hidden_activation\": expected gelu_pytorch_tanh, found '{}'", text.source(), activation);
  if (text.boolean("attention_bias", false)) throw Error("{}: \"attention_bias\": only false is known", text.source());
  if (text.string("use_bidirectional_attention", "vision") != "vision")
    throw Error("{}: \"use_bidirectional_attention\": expected null or vision, found '{}'", text.source(),
                text.string("use_bidirectional_attention"));
  const int n_layers = int(text.integer("num_hidden_layers", kLayers));
  config.d_model = int(text.integer("hidden_size", kDimension));
  config.n_heads = int(text.integer("num_attention_heads", kHeads));
  config.n_vocab = int(text.integer("vocab_size", kVocabulary, 262144));
  // Absent it is 256, null it is none: the one field where the two differ.
  const bool no_ple = text.raw().contains("hidden_size_per_layer_input") && !text.has("hidden_size_per_layer_input");
  config.d_ple = no_ple ? 0 : int(text.integer("hidden_size_per_layer_input", {0, 4096}, 256));
  config.n_vocab_ple =
      config.d_ple > 0 ? int(text.integer("vocab_size_per_layer_input", kVocabulary, config.n_vocab)) : 0;
  if (config.d_ple > 0 && config.n_vocab_ple < config.n_vocab)
    throw Error("{}: \"vocab_size_per_layer_input\": expected at least vocab_size ({}), found {}", text.source(),
                config.n_vocab, config.n_vocab_ple);
  config.sliding_window = int(text.integer("sliding_window", kPositions, 512));
  config.max_positions = int(text.integer("max_position_embeddings", kPositions, 131072));
  config.rms_norm_eps = float(bounded(text, "rms_norm_eps", 1e-12, 1, 1e-6));
  config.final_softcap = float(bounded(text, "final_logit_softcapping", 0, 1e6, 0));
  config.tied_head = text.boolean("tie_word_embeddings", tied_default);
  config.pad_token_id = int(text.integer("pad_token_id", {0, config.n_vocab - 1}, 0));
  config.rope_sliding = rope(text, "sliding_attention", {.theta = 10000.0});
  config.rope_full =
      rope(text, "full_attention", {.theta = 1000000.0, .proportional = true, .partial_rotary_factor = 0.25});
  if (text.boolean("enable_moe_block", false)) {
    config.n_experts = int(text.integer("num_experts", kExperts));
    config.n_experts_used = int(text.integer("top_k_experts", {1, config.n_experts}));
    config.d_ff_expert = int(text.integer("moe_intermediate_size", kDimension));
  }

  const bool k_is_v = text.boolean("attention_k_eq_v", false);
  for (const AttentionKind kind : layer_kinds(text, n_layers)) {
    LayerConfig layer;
    layer.kind = kind;
    layer.head_dim = int(text.integer("head_dim", kDimension, 256));
    layer.n_kv_heads = int(text.integer("num_key_value_heads", kHeads, 4));
    layer.d_ff = int(text.integer("intermediate_size", kDimension));
    layer.k_is_v = k_is_v && kind == AttentionKind::kFull;
    config.layers.push_back(layer);
  }
  apply_overrides(text, k_is_v, config.layers);
  share_kv(text, config.layers);
  const bool double_wide = text.boolean("use_double_wide_mlp", false);
  for (int i = 0; i < n_layers; ++i) {
    LayerConfig& layer = config.layers[std::size_t(i)];
    if (double_wide && layer.kv_source != i) layer.d_ff *= 2;
    if (layer.head_dim % 2 != 0)
      throw Error("{}: layer {}: head_dim must be even, found {}", text.source(), i, layer.head_dim);
    if (config.n_heads % layer.n_kv_heads != 0)
      throw Error("{}: layer {}: {} attention heads are no multiple of {} key-value heads", text.source(), i,
                  config.n_heads, layer.n_kv_heads);
  }
  return config;
}

std::vector<int> eos_ids(const JsonFields& root, int n_vocab) {
  std::vector<int> ids;
  const json::value* value = root.find("eos_token_id");
  if (value == nullptr) return ids;
  if (!value->is_array()) return {int(root.integer("eos_token_id", {0, n_vocab - 1}))};
  for (const json::value& item : value->get_array()) {
    if (!item.is_int64() || item.get_int64() < 0 || item.get_int64() >= n_vocab)
      throw Error("{}: \"eos_token_id\": expected ids below {}", root.source(), n_vocab);
    ids.push_back(int(item.get_int64()));
  }
  return ids;
}

}  // namespace

Gemma4Config parse_gemma4_config(const json::value& value, const std::string& source) {
  const JsonFields root(value, source);
  Gemma4Config config;
  const std::string type = root.string("model_type", "");
  if (type != "gemma4" && type != "gemma4_text")
    throw Error("{}: \"model_type\": expected gemma4 or gemma4_text, found '{}'", source, type);
  const bool tied = root.boolean("tie_word_embeddings", true);
  if (type == "gemma4_text") {
    config.text = parse_text(root, tied);
  } else {
    const auto text = root.object("text_config");
    if (!text) throw Error("{}: \"text_config\" is missing", source);
    config.text = parse_text(*text, tied);
  }
  config.eos_token_ids = eos_ids(root, config.text.n_vocab);
  const JsonFields::Range id{-1, config.text.n_vocab - 1};
  config.image_token_id = int(root.integer("image_token_id", id, -1));
  config.audio_token_id = int(root.integer("audio_token_id", id, -1));
  config.video_token_id = int(root.integer("video_token_id", id, -1));
  config.has_vision = root.has("vision_config");
  config.has_audio = root.has("audio_config");
  if (const json::value* quantization = root.find("quantization_config"))
    config.quantization = parse_quantization_config(*quantization, source + ": quantization_config");
  config.raw = value;
  return config;
}

Gemma4Config load_gemma4_config(const std::string& directory) {
  const std::string path = directory + "/config.json";
  if (!file_exists(path)) {
    if (!directory_exists(directory)) throw Error("{}: no such model directory", directory);
    throw Error("{}: not found (a model directory holds config.json and its safetensors)", path);
  }
  Gemma4Config config = parse_gemma4_config(parse_json_file(path, 16u << 20), path);
  config.directory = directory;
  return config;
}

}  // namespace nibble::format
