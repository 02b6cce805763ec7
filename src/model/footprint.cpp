#include "model/footprint.h"

#include <set>

#include "base/error.h"

namespace nibble::model {
namespace {

using format::Checkpoint;
using format::DType;
using format::LayerConfig;
using format::TextConfig;
using format::WeightFormat;

// The schemes of `quantize`, which leaves tables, head, norms and towers in BF16.
enum class Scheme { kNone, kFP8Dynamic, kNVFP4A16, kNVFP4 };
struct SchemeName {
  Scheme scheme;
  const char* name;
};
constexpr SchemeName kSchemes[] = {{Scheme::kNone, "BF16"},
                                   {Scheme::kFP8Dynamic, "FP8_DYNAMIC"},
                                   {Scheme::kNVFP4A16, "NVFP4A16"},
                                   {Scheme::kNVFP4, "NVFP4"}};

std::uint64_t quantized_bytes(Scheme scheme, std::uint64_t rows, std::uint64_t cols) {
  switch (scheme) {
    case Scheme::kNone: return rows * cols * 2;
    case Scheme::kFP8Dynamic: return rows * cols + rows * 2;                         // codes, a bf16 scale a row
    case Scheme::kNVFP4A16: return rows * cols / 2 + rows * cols / 16 + 4;           // nibbles, a scale for 16, an f32
    case Scheme::kNVFP4: return quantized_bytes(Scheme::kNVFP4A16, rows, cols) + 4;  // and the input's f32
  }
  return 0;
}

// A linear, or `count` of them stored alike of which a token uses `used`.
struct LinearItem {
  Component component;
  std::uint64_t rows, cols, count, used, stored_bytes;
};

// Walks over every tensor that the text model asks for, as the loader does, without reading one.
class Walk {
 public:
  Walk(const Checkpoint& checkpoint, const format::Gemma4Config& config, Footprint& footprint)
      : checkpoint_(checkpoint), config_(config), text_(config.text), footprint_(footprint), prefix_(find_prefix()) {}

  void run() {
    tables();
    for (int i = 0; i < int(text_.layers.size()); ++i) layer(i);
    vector("norm.weight", text_.d_model);
    rest();
    write_formats();
    keys_and_values();
  }

 private:
  std::string find_prefix() const {
    for (const char* prefix : {"model.language_model.", "model."})
      if (checkpoint_.find(std::string(prefix) + "embed_tokens.weight")) return prefix;
    throw Error("{}: tensor 'model.language_model.embed_tokens.weight' is missing: not a Gemma 4 text checkpoint",
                checkpoint_.directory());
  }

  std::uint64_t claim(Component component, const std::string& name, DType dtype, std::vector<std::int64_t> shape) {
    const Checkpoint::Entry entry = checkpoint_.require(name, dtype, shape);
    return count(component, entry);
  }

  std::uint64_t count(Component component, const Checkpoint::Entry& entry) {
    claimed_.insert(entry.info->name);
    ++footprint_.n_tensors[std::size_t(component)];
    return entry.info->size_bytes;
  }

  Bytes& plain(Component component) { return plain_[std::size_t(component)]; }

  void tables() {
    const std::uint64_t d_model = std::uint64_t(text_.d_model);
    const std::uint64_t embedding =
        claim(Component::kEmbedding, prefix_ + "embed_tokens.weight", DType::kBF16, {text_.n_vocab, text_.d_model});
    plain(Component::kEmbedding) = {.stored = embedding, .resident = 0, .per_token = d_model * 2};
    plain(Component::kHead) = {.stored = 0, .resident = embedding, .per_token = embedding};
    if (!text_.tied_head)
      plain(Component::kHead).stored =
          claim(Component::kHead, "lm_head.weight", DType::kBF16, {text_.n_vocab, text_.d_model});
    if (text_.d_ple == 0) return;
    const std::int64_t width = std::int64_t(text_.layers.size()) * text_.d_ple;
    plain(Component::kPleTable).stored = claim(Component::kPleTable, prefix_ + "embed_tokens_per_layer.weight",
                                               DType::kBF16, {text_.n_vocab_ple, width});
    plain(Component::kPleTable).per_token = std::uint64_t(width) * 2;
    linear(Component::kPleProjections, prefix_ + "per_layer_model_projection", width, text_.d_model);
    vector("per_layer_projection_norm.weight", text_.d_ple);
  }

  void vector(const std::string& name, std::int64_t n) {
    const std::uint64_t bytes = claim(Component::kNorms, prefix_ + name, DType::kBF16, {n});
    plain(Component::kNorms) += {bytes, bytes, bytes};
  }

  // Bytes of a module's tensors in the format that the checkpoint's configuration names.
  std::uint64_t stored_linear(Component component, const std::string& module, std::int64_t rows, std::int64_t cols) {
    const auto* group = config_.quantization ? config_.quantization->group_of(module) : nullptr;
    const WeightFormat format = group != nullptr ? group->weights : WeightFormat::kBF16;
    const std::int64_t width = format == WeightFormat::kNVFP4  ? 16
                               : format == WeightFormat::kInt4 ? group->group_size
                                                               : 1;
    if (cols % width != 0 || (format == WeightFormat::kInt4 && cols % 8 != 0))
      throw Error("{}: '{}': groups of {} do not divide {} columns", checkpoint_.directory(), module, width, cols);
    const auto tensor = [&](const char* suffix, DType dtype, std::vector<std::int64_t> shape) {
      return claim(component, module + suffix, dtype, std::move(shape));
    };
    switch (format) {
      case WeightFormat::kBF16: return tensor(".weight", DType::kBF16, {rows, cols});
      case WeightFormat::kFP8:
        return tensor(".weight", DType::kF8E4M3, {rows, cols}) +
               count(component, checkpoint_.require(module + ".weight_scale"));
      case WeightFormat::kNVFP4:
        return tensor(".weight_packed", DType::kU8, {rows, cols / 2}) +
               tensor(".weight_scale", DType::kF8E4M3, {rows, cols / 16}) +
               tensor(".weight_global_scale", DType::kF32, {1}) +
               (group->quantized_inputs ? tensor(".input_global_scale", DType::kF32, {1}) : 0);
      case WeightFormat::kInt4: {
        const auto shape = checkpoint_.find(module + ".weight_shape");  // stored beside the codes, never needed
        return tensor(".weight_packed", DType::kI32, {rows, cols / 8}) +
               tensor(".weight_scale", DType::kBF16, {rows, cols / width}) + (shape ? count(component, *shape) : 0);
      }
    }
    return 0;
  }

  void linear(Component component, const std::string& module, std::int64_t rows, std::int64_t cols) {
    const std::uint64_t bytes = stored_linear(component, module, rows, cols);
    linears_.push_back({component, std::uint64_t(rows), std::uint64_t(cols), 1, 1, bytes});
  }

  void layer(int index) {
    const LayerConfig& config = text_.layers[std::size_t(index)];
    const std::int64_t d_model = text_.d_model, q_rows = std::int64_t(text_.n_heads) * config.head_dim;
    const std::int64_t kv_rows = std::int64_t(config.n_kv_heads) * config.head_dim;
    const std::string name = "layers." + std::to_string(index) + ".", module = prefix_ + name;
    for (const char* norm :
         {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"})
      vector(name + norm + ".weight", d_model);
    vector(name + "self_attn.q_norm.weight", config.head_dim);
    vector(name + "layer_scalar", 1);
    linear(Component::kAttention, module + "self_attn.q_proj", q_rows, d_model);
    if (config.kv_source == index) {
      vector(name + "self_attn.k_norm.weight", config.head_dim);
      linear(Component::kAttention, module + "self_attn.k_proj", kv_rows, d_model);
      if (!config.k_is_v) linear(Component::kAttention, module + "self_attn.v_proj", kv_rows, d_model);
    }
    linear(Component::kAttention, module + "self_attn.o_proj", d_model, q_rows);
    linear(Component::kMlp, module + "mlp.gate_proj", config.d_ff, d_model);
    linear(Component::kMlp, module + "mlp.up_proj", config.d_ff, d_model);
    linear(Component::kMlp, module + "mlp.down_proj", d_model, config.d_ff);
    if (text_.d_ple > 0) {
      linear(Component::kPleProjections, module + "per_layer_input_gate", text_.d_ple, d_model);
      linear(Component::kPleProjections, module + "per_layer_projection", d_model, text_.d_ple);
      vector(name + "post_per_layer_input_norm.weight", d_model);
    }
    if (text_.n_experts > 0) mixture(name);
  }

  void mixture(const std::string& name) {
    const std::int64_t d_model = text_.d_model, d_ff = text_.d_ff_expert, n = text_.n_experts;
    linear(Component::kExperts, prefix_ + name + "router.proj", n, d_model);
    vector(name + "router.scale", d_model);
    vector(name + "router.per_expert_scale", n);
    for (const char* norm :
         {"post_feedforward_layernorm_1", "pre_feedforward_layernorm_2", "post_feedforward_layernorm_2"})
      vector(name + norm + ".weight", d_model);
    const std::string experts = prefix_ + name + "experts.";
    const auto add = [&](std::int64_t rows, std::int64_t cols, std::uint64_t bytes) {
      linears_.push_back({Component::kExperts, std::uint64_t(rows), std::uint64_t(cols), std::uint64_t(n),
                          std::uint64_t(text_.n_experts_used), bytes});
    };
    if (checkpoint_.find(experts + "gate_up_proj")) {  // a BF16 release stacks its experts
      const std::uint64_t both =
          claim(Component::kExperts, experts + "gate_up_proj", DType::kBF16, {n, 2 * d_ff, d_model});
      add(d_ff, d_model, both / 2);
      add(d_ff, d_model, both / 2);
      add(d_model, d_ff, claim(Component::kExperts, experts + "down_proj", DType::kBF16, {n, d_model, d_ff}));
      return;
    }
    for (const char* leaf : {"gate_proj", "up_proj", "down_proj"}) {
      const bool down = leaf[0] == 'd';
      const std::int64_t rows = down ? d_model : d_ff, cols = down ? d_ff : d_model;
      std::uint64_t bytes = 0;
      for (std::int64_t e = 0; e < n; ++e)
        bytes += stored_linear(Component::kExperts, experts + std::to_string(e) + "." + leaf, rows, cols);
      add(rows, cols, bytes);
    }
  }

  // Towers, and whatever nobody asked for.
  void rest() {
    for (const auto& [name, entry] : checkpoint_.entries()) {
      if (claimed_.contains(name)) continue;
      const bool vision = name.starts_with("model.vision_tower.") || name.starts_with("model.embed_vision.");
      const bool audio = name.starts_with("model.audio_tower.") || name.starts_with("model.embed_audio.");
      const Component component = vision ? Component::kVision : audio ? Component::kAudio : Component::kUnread;
      plain(component).stored += entry.info->size_bytes;
      ++footprint_.n_tensors[std::size_t(component)];
    }
  }

  void write_formats() {
    if (config_.quantization) {
      add_format(stored_name(), [](const LinearItem& item) { return item.stored_bytes; });
      return;
    }
    for (const SchemeName& scheme : kSchemes) {
      add_format(scheme.name, [&](const LinearItem& item) {
        // What has no whole blocks is left in BF16 (`quantize` asks for it to be ignored).
        const bool blocks = item.cols % 16 == 0 || scheme.scheme == Scheme::kFP8Dynamic;
        return item.count * quantized_bytes(blocks ? scheme.scheme : Scheme::kNone, item.rows, item.cols);
      });
      if (scheme.scheme != Scheme::kNone) drop_unread(footprint_.formats.back());
    }
  }

  template <typename BytesOf>
  void add_format(const std::string& name, const BytesOf& bytes_of) {
    FormatFootprint format{.format = name, .components = plain_};
    for (const LinearItem& item : linears_) {
      const std::uint64_t bytes = bytes_of(item);
      format.components[std::size_t(item.component)] += {bytes, bytes, bytes / item.count * item.used};
    }
    footprint_.formats.push_back(std::move(format));
  }

  // `quantize` does not write the unused keys and values of layers that share another's.
  void drop_unread(FormatFootprint& format) const {
    Bytes& unread = format.components[std::size_t(Component::kUnread)];
    for (int i = 0; i < int(text_.layers.size()); ++i) {
      if (text_.layers[std::size_t(i)].kv_source == i) continue;
      for (const char* leaf : {"k_proj", "v_proj", "k_norm", "v_norm"}) {
        const auto entry = checkpoint_.find(fmt::format("{}layers.{}.self_attn.{}.weight", prefix_, i, leaf));
        if (entry) unread.stored -= entry->info->size_bytes;
      }
    }
  }

  std::string stored_name() const {
    std::set<std::string> names;
    for (const format::QuantizationGroup& group : config_.quantization->groups) {
      switch (group.weights) {
        case WeightFormat::kBF16: names.insert("BF16"); break;
        case WeightFormat::kFP8: names.insert(group.quantized_inputs ? "FP8_DYNAMIC" : "FP8"); break;
        case WeightFormat::kNVFP4: names.insert(group.quantized_inputs ? "NVFP4" : "NVFP4A16"); break;
        case WeightFormat::kInt4: names.insert("int4"); break;
      }
    }
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : " + ") + name;
    return all.empty() ? "BF16" : all;
  }

  void keys_and_values() {
    for (int i = 0; i < int(text_.layers.size()); ++i) {
      const LayerConfig& layer = text_.layers[std::size_t(i)];
      const std::uint64_t bytes = 2 * 2 * std::uint64_t(layer.n_kv_heads) * std::uint64_t(layer.head_dim);
      if (layer.kind == format::AttentionKind::kSliding) {
        footprint_.kv_window += bytes * std::uint64_t(text_.sliding_window);
      } else {
        footprint_.kv_read += bytes;
        if (layer.kv_source == i) footprint_.kv_kept += bytes;
      }
    }
  }

  const Checkpoint& checkpoint_;
  const format::Gemma4Config& config_;
  const TextConfig& text_;
  Footprint& footprint_;
  std::string prefix_;
  std::set<std::string, std::less<>> claimed_;
  std::array<Bytes, kComponents> plain_;  // what no scheme changes
  std::vector<LinearItem> linears_;
};

}  // namespace

const char* name_of(Component component) {
  switch (component) {
    case Component::kPleTable: return "PLE table";
    case Component::kEmbedding: return "embedding table";
    case Component::kHead: return "head";
    case Component::kPleProjections: return "PLE projections";
    case Component::kAttention: return "attention";
    case Component::kMlp: return "MLP";
    case Component::kExperts: return "experts";
    case Component::kNorms: return "norms, scalars";
    case Component::kVision: return "vision";
    case Component::kAudio: return "audio";
    case Component::kUnread: return "never read";
  }
  return "?";
}

Bytes& Bytes::operator+=(const Bytes& other) {
  stored += other.stored;
  resident += other.resident;
  per_token += other.per_token;
  return *this;
}

Bytes FormatFootprint::total() const {
  Bytes sum;
  for (const Bytes& bytes : components) sum += bytes;
  return sum;
}

Footprint measure(const Checkpoint& checkpoint, const format::Gemma4Config& config) {
  Footprint footprint;
  Walk(checkpoint, config, footprint).run();
  return footprint;
}

}  // namespace nibble::model
