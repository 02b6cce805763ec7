#include "format/checkpoint.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"

namespace nibble::format {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// A plain name: nothing that leaves the directory, and no NUL that would cut it short in a system call.
bool is_shard_name(std::string_view file) {
  const auto odd = [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !file.empty() && file[0] != '.' && file.ends_with(".safetensors") &&
         std::none_of(file.begin(), file.end(), odd);
}

}  // namespace

ShardMap parse_safetensors_index(std::string_view text, const std::string& source) {
  const json::value root = parse_json(text, source);
  const auto map = JsonFields(root, source).object("weight_map");
  if (!map) throw Error("{}: \"weight_map\" is missing", source);
  if (map->raw().size() > kMaxTensors)
    throw Error("{}: {} tensors, at most {} are read", source, map->raw().size(), kMaxTensors);
  ShardMap shards;
  for (const auto& [name, value] : map->raw()) {
    if (!value.is_string()) throw Error("{}: tensor '{}': expected a file name", source, std::string_view(name));
    const std::string file(value.get_string());
    if (!is_shard_name(file))
      throw Error("{}: tensor '{}': '{}' is not the name of a safetensors file in this directory", source,
                  std::string_view(name), file);
    shards.emplace(name, file);
  }
  if (shards.empty()) throw Error("{}: \"weight_map\" is empty", source);
  return shards;
}

Checkpoint Checkpoint::open(const std::string& directory) {
  if (!directory_exists(directory)) throw Error("{}: no such model directory", directory);
  Checkpoint checkpoint;
  checkpoint.directory_ = directory;
  const std::string index_path = directory + "/" + kIndex;
  ShardMap index;
  std::set<std::string> files;
  if (file_exists(index_path)) {
    index = parse_safetensors_index(read_text_file(index_path, kMaxHeaderBytes), index_path);
    for (const auto& [name, file] : index) files.insert(file);
    if (!files.contains(kSingle) && file_exists(directory + "/" + kSingle))
      throw Error("{}: holds {} and {}, which does not name it: remove one, programs differ in which they read",
                  directory, kSingle, kIndex);
  } else if (file_exists(directory + "/" + kSingle)) {
    files.insert(kSingle);
  } else {
    throw Error("{}: neither {} nor {} found (only safetensors checkpoints are read)", directory, kSingle, kIndex);
  }
  checkpoint.shards_.reserve(files.size());
  for (const std::string& file : files) {
    checkpoint.shards_.push_back(SafetensorsReader::open(directory + "/" + file));
    const SafetensorsReader& shard = checkpoint.shards_.back();
    for (const TensorInfo& tensor : shard.tensors()) {
      const auto [previous, inserted] = checkpoint.by_name_.try_emplace(tensor.name, Entry{&tensor, &shard});
      if (!inserted)
        throw Error("{}: tensor '{}' is in two shards: {} and {}", directory, tensor.name,
                    previous->second.shard->path(), shard.path());
      if (index.empty()) continue;
      const auto listed = index.find(tensor.name);
      if (listed == index.end() || listed->second != file)
        throw Error("{}: tensor '{}' is in {}, which {} does not say", directory, tensor.name, file, kIndex);
    }
  }
  for (const auto& [name, file] : index)
    if (!checkpoint.by_name_.contains(name))
      throw Error("{}: tensor '{}' is missing from {}, where {} puts it", directory, name, file, kIndex);
  return checkpoint;
}

std::uint64_t Checkpoint::total_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [name, entry] : by_name_) total += entry.info->size_bytes;
  return total;
}

std::optional<Checkpoint::Entry> Checkpoint::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

Checkpoint::Entry Checkpoint::require(std::string_view name) const {
  const auto entry = find(name);
  if (!entry) throw Error("{}: tensor '{}' is missing", directory_, name);
  return *entry;
}

Checkpoint::Entry Checkpoint::require(std::string_view name, DType dtype, std::span<const std::int64_t> shape) const {
  const Entry entry = require(name);
  if (entry.info->dtype != dtype)
    throw Error("{}: tensor '{}': expected {}, found {}", directory_, name, name_of(dtype), name_of(entry.info->dtype));
  if (!std::equal(shape.begin(), shape.end(), entry.info->shape.begin(), entry.info->shape.end()))
    throw Error("{}: tensor '{}': expected shape {}, found {}", directory_, name, shape_text(shape),
                shape_text(entry.info->shape));
  return entry;
}

}  // namespace nibble::format
