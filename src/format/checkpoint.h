// A model directory: model.safetensors, or model.safetensors.index.json and its shards. Knows names, types and shapes;
// what they mean is src/model's business. Nothing but safetensors and JSON is ever opened.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/safetensors.h"

namespace nibble::format {

// Tensor name -> shard file name, as model.safetensors.index.json says.
using ShardMap = std::map<std::string, std::string>;
// Error for a file name that is not a plain one of the directory. `source` opens each message.
ShardMap parse_safetensors_index(std::string_view text, const std::string& source);

class Checkpoint {
 public:
  // Error for a missing or doubled tensor, a shard outside the directory, an index that disagrees with its shards.
  static Checkpoint open(const std::string& directory);

  struct Entry {
    const TensorInfo* info;
    const SafetensorsReader* shard;
    void read(std::uint64_t begin, std::span<std::byte> out) const { shard->read(*info, begin, out); }
  };

  const std::string& directory() const { return directory_; }
  const std::vector<SafetensorsReader>& shards() const { return shards_; }
  std::size_t n_tensors() const { return by_name_.size(); }
  std::uint64_t total_bytes() const;  // of all tensors
  std::optional<Entry> find(std::string_view name) const;
  // The tensor, or an Error that names the directory, the tensor, and the expected and found type or shape.
  Entry require(std::string_view name) const;
  Entry require(std::string_view name, DType dtype, std::span<const std::int64_t> shape) const;
  const std::map<std::string, Entry, std::less<>>& entries() const { return by_name_; }

 private:
  std::string directory_;
  std::vector<SafetensorsReader> shards_;
  std::map<std::string, Entry, std::less<>> by_name_;
};

}  // namespace nibble::format
