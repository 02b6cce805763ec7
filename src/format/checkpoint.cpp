#include "format/checkpoint.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"

namespace nibble::format {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// tensor name -> shard file name, from the index; names that are not plain files of the directory are refused.
std::map<std::string, std::string> read_index(const std::string& path) {
  const json::value root = parse_json_file(path);
  const auto map = JsonFields(root, path).object("weight_map");
  if (!map) throw Error("{}: \"weight_map\" is missing", path);
  std::map<std::string, std::string> shards;
  for (const auto& [name, value] : map->raw()) {
    if (!value.is_string()) throw Error("{}: tensor '{}': expected a file name", path, std::string_view(name));
    const std::string file(value.get_string());
    if (file.empty() || file[0] == '.' || file.find('/') != std::string::npos || !file.ends_with(".safetensors"))
      throw Error("{}: tensor '{}': '{}' is not the name of a safetensors file in this directory", path,
                  std::string_view(name), file);
    shards.emplace(name, file);
  }
  return shards;
}

}  // namespace

Checkpoint Checkpoint::open(const std::string& directory) {
  if (!directory_exists(directory)) throw Error("{}: no such model directory", directory);
  Checkpoint checkpoint;
  checkpoint.directory_ = directory;
  const std::string index_path = directory + "/" + kIndex;
  std::map<std::string, std::string> index;
  std::set<std::string> files;
  if (file_exists(index_path)) {
    index = read_index(index_path);
    for (const auto& [name, file] : index) files.insert(file);
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
        throw Error("{}: tensor '{}' is in two shards: {} and {}", directory, tensor.name, previous->second.shard->path(),
                    shard.path());
      if (index.empty()) continue;
      const auto listed = index.find(tensor.name);
      if (listed == index.end() || listed->second != file)
        throw Error("{}: tensor '{}' is in {}, which {} does not say", directory, tensor.name, file, kIndex);
    }
  }
  for (const auto& [name, file] : index)
    if (!checkpoint.by_name_.contains(name))
      throw Error("{}: tensor '{}' is missing from {}", directory, name, file);
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
