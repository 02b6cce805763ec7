// What a checkpoint weighs, from its headers alone: bytes by component, what of them is held in memory, and
// what one decoded token reads, as stored and in each format that `quantize` writes. Decoding one sequence is
// bound by those reads, so bytes and a bandwidth predict tokens a second.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "format/checkpoint.h"
#include "format/gemma4_config.h"

namespace nibble::model {

enum class Component {
  kPleTable,        // a gather: one row a token, read from the file
  kEmbedding,       // the same
  kHead,            // tied to the embedding or of its own; every row, every token
  kPleProjections,  // per_layer_model_projection, and the gate and projection of each layer
  kAttention,
  kMlp,
  kExperts,  // with their router
  kNorms,    // and scalars
  kVision,
  kAudio,
  kUnread,  // keys and values of layers that use another layer's; anything no reader asks for
};
inline constexpr std::size_t kComponents = std::size_t(Component::kUnread) + 1;
const char* name_of(Component component);  // "PLE table"

struct Bytes {
  std::uint64_t stored = 0;     // in the files
  std::uint64_t resident = 0;   // held in memory while text is generated
  std::uint64_t per_token = 0;  // read for one decoded token, keys and values aside
  Bytes& operator+=(const Bytes& other);
};

struct FormatFootprint {
  std::string format;  // "BF16", a scheme of `quantize`, or what a quantized checkpoint is
  std::array<Bytes, kComponents> components;
  Bytes total() const;
  const Bytes& of(Component component) const { return components[std::size_t(component)]; }
};

struct Footprint {
  // Of a BF16 checkpoint: BF16 and each scheme with its default ignore list. Of a quantized one: that alone.
  std::vector<FormatFootprint> formats;
  std::array<std::size_t, kComponents> n_tensors{};  // as stored
  // Keys and values in BF16, bytes a position of context: kept, and read for a token by the layers that see
  // all positions.
  std::uint64_t kv_kept = 0, kv_read = 0;
  std::uint64_t kv_window = 0;  // read by sliding layers, once their window is full
};

// Error for a tensor of the text model that is missing or has another type or shape than the configuration
// says.
Footprint measure(const format::Checkpoint& checkpoint, const format::Gemma4Config& config);

}  // namespace nibble::model
