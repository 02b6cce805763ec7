#include "format/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"

namespace nibble::format {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

// "tensor 'x'" of one header entry; every number is checked before it is used.
TensorInfo parse_tensor(std::string_view name, const json::value& value, std::uint64_t data_begin,
                        std::string_view source) {
  const std::string where = fmt::format("{}: tensor '{}'", source, name);
  const JsonFields fields(value, where);
  TensorInfo tensor;
  tensor.name = name;
  const std::string dtype = fields.string("dtype");
  const auto known = dtype_from_name(dtype);
  if (!known) throw Error("{}: unknown dtype '{}'", where, dtype);
  tensor.dtype = *known;
  for (const auto& [key, unused] : fields.raw())
    if (key != "dtype" && key != "shape" && key != "data_offsets") throw Error("{}: unknown field \"{}\"", where, key);

  const auto numbers = [&](std::string_view key) {
    const json::value* list = fields.find(key);
    if (list == nullptr || !list->is_array()) throw Error("{}: \"{}\": expected a list of integers", where, key);
    std::vector<std::uint64_t> result;
    for (const json::value& item : list->get_array()) {
      if (item.is_uint64()) {
        result.push_back(item.get_uint64());
      } else if (item.is_int64() && item.get_int64() >= 0) {
        result.push_back(std::uint64_t(item.get_int64()));
      } else {
        throw Error("{}: \"{}\": expected integers of at least 0", where, key);
      }
    }
    return result;
  };
  std::optional<std::uint64_t> bytes = std::uint64_t(bytes_of(tensor.dtype));
  for (const std::uint64_t size : numbers("shape")) {
    bytes = bytes ? checked_multiply(*bytes, size) : bytes;
    if (size > std::uint64_t(INT64_MAX)) bytes.reset();
    tensor.shape.push_back(std::int64_t(size));
  }
  if (!bytes) throw Error("{}: the size of shape {} overflows", where, shape_text(tensor.shape));
  const auto offsets = numbers("data_offsets");
  if (offsets.size() != 2 || offsets[1] < offsets[0])
    throw Error("{}: \"data_offsets\": expected a begin and an end not before it", where);
  tensor.size_bytes = offsets[1] - offsets[0];
  if (tensor.size_bytes != *bytes)
    throw Error("{}: {} {} needs {} bytes, its offsets hold {}", where, dtype, shape_text(tensor.shape), *bytes,
                tensor.size_bytes);
  const auto begin = checked_add(data_begin, offsets[0]);
  if (!begin) throw Error("{}: its offset overflows", where);
  tensor.offset_bytes = *begin;
  return tensor;
}

}  // namespace

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

SafetensorsHeader parse_safetensors_header(std::string_view header, std::uint64_t file_bytes, std::string_view source) {
  if (header.empty() || header[0] != '{') throw Error("{}: the header does not begin with '{{'", source);
  const json::value root = parse_json(header, fmt::format("{}: header", source), 8);
  const std::uint64_t data_begin = 8 + header.size();
  SafetensorsHeader result;
  if (root.as_object().size() > kMaxTensors)
    throw Error("{}: {} tensors, at most {} are read", source, root.as_object().size(), kMaxTensors);
  for (const auto& [key, value] : root.as_object()) {
    if (key == "__metadata__") {
      if (!value.is_object()) throw Error("{}: __metadata__: expected an object of strings", source);
      for (const auto& [name, text] : value.get_object()) {
        if (!text.is_string())
          throw Error("{}: __metadata__: \"{}\": expected a string", source, std::string_view(name));
        result.metadata.emplace(name, text.get_string());
      }
      continue;
    }
    result.tensors.push_back(parse_tensor(key, value, data_begin, source));
  }
  std::sort(result.tensors.begin(), result.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset_bytes, a.size_bytes) < std::tie(b.offset_bytes, b.size_bytes);
  });
  std::uint64_t at = data_begin;
  for (const TensorInfo& tensor : result.tensors) {
    if (tensor.offset_bytes != at)
      throw Error("{}: tensor '{}': expected to begin at byte {} of the data, found {} ({})", source, tensor.name,
                  at - data_begin, tensor.offset_bytes - data_begin, tensor.offset_bytes < at ? "overlap" : "hole");
    at += tensor.size_bytes;
  }
  if (at != file_bytes)
    throw Error("{}: the tensors end at byte {}, the file has {} ({})", source, at, file_bytes,
                at > file_bytes ? "truncated: download or copy it again" : "trailing bytes");
  return result;
}

SafetensorsReader::SafetensorsReader(File file, SafetensorsHeader header)
    : file_(std::move(file)), header_(std::move(header)) {}

SafetensorsReader SafetensorsReader::open(const std::string& path) {
  File file = File::open_read(path);
  if (file.size_bytes() < 8) throw Error("{}: {} bytes, a safetensors file has at least 8", path, file.size_bytes());
  std::uint64_t length = 0;
  file.read_at(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxHeaderBytes)
    throw Error("{}: header of {} bytes, at most {} are read", path, length, kMaxHeaderBytes);
  if (length + 8 > file.size_bytes())
    throw Error("{}: header of {} bytes in a file of {} (truncated: download or copy it again)", path, length,
                file.size_bytes());
  std::string header(length, '\0');
  file.read_at(8, std::as_writable_bytes(std::span(header)));
  SafetensorsHeader parsed = parse_safetensors_header(header, file.size_bytes(), path);
  return SafetensorsReader(std::move(file), std::move(parsed));
}

void SafetensorsReader::read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const {
  check(begin <= tensor.size_bytes && out.size() <= tensor.size_bytes - begin, "a read stays inside its tensor");
  file_.read_at(tensor.offset_bytes + begin, out);
}

}  // namespace nibble::format
