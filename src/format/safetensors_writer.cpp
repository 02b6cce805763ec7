// SafetensorsWriter: see safetensors.h.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "format/safetensors.h"

namespace nibble::format {
namespace {

constexpr std::size_t kAlignment = 8;

// The order of types in a file of the Python library: the last of its own list of types first.
constexpr std::array kTypeOrder = {DType::kU64,    DType::kI64,    DType::kF64, DType::kF32, DType::kU32,
                                   DType::kI32,    DType::kBF16,   DType::kF16, DType::kU16, DType::kI16,
                                   DType::kF8E4M3, DType::kF8E5M2, DType::kI8,  DType::kU8,  DType::kBool};

std::ptrdiff_t rank(DType dtype) { return std::find(kTypeOrder.begin(), kTypeOrder.end(), dtype) - kTypeOrder.begin(); }

std::uint64_t size_of(const TensorInfo& tensor) {
  std::optional<std::uint64_t> bytes = std::uint64_t(bytes_of(tensor.dtype));
  for (const std::int64_t extent : tensor.shape)
    bytes = bytes && extent >= 0 ? checked_multiply(*bytes, std::uint64_t(extent)) : std::nullopt;
  if (!bytes) throw Error("tensor '{}': the size of shape {} overflows", tensor.name, shape_text(tensor.shape));
  return *bytes;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(OutputFile file, std::vector<TensorInfo> tensors)
    : file_(std::move(file)), tensors_(std::move(tensors)) {
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    if (!by_name_.emplace(tensors_[i].name, i).second)
      throw Error("{}: tensor '{}' is to be written twice", file_.path(), tensors_[i].name);
}

SafetensorsWriter SafetensorsWriter::create(const std::string& path, std::vector<TensorInfo> tensors,
                                            const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return a.dtype != b.dtype ? rank(a.dtype) < rank(b.dtype) : a.name < b.name;
  });
  json::object header;
  if (!metadata.empty()) {
    json::object& entries = header["__metadata__"].emplace_object();
    for (const auto& [key, value] : metadata) entries[key] = value;
  }
  std::uint64_t end = 0;
  for (TensorInfo& tensor : tensors) {
    tensor.size_bytes = size_of(tensor);
    tensor.offset_bytes = end;
    const std::optional<std::uint64_t> next = checked_add(end, tensor.size_bytes);
    if (!next) throw Error("{}: the tensors together overflow", path);
    end = *next;
    header[tensor.name] = json::object{{"dtype", name_of(tensor.dtype)},
                                       {"shape", json::array(tensor.shape.begin(), tensor.shape.end())},
                                       {"data_offsets", {tensor.offset_bytes, end}}};
  }
  std::string text = json::serialize(header);
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const std::uint64_t length = text.size();
  for (TensorInfo& tensor : tensors) tensor.offset_bytes += sizeof length + length;

  OutputFile file = OutputFile::create(path);
  file.reserve(end + sizeof length + length);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(text)));
  return SafetensorsWriter(std::move(file), std::move(tensors));
}

const TensorInfo& SafetensorsWriter::at(std::string_view name) const {
  const auto found = by_name_.find(name);
  check(found != by_name_.end(), "only tensors that were announced are written");
  return tensors_[found->second];
}

void SafetensorsWriter::write(const TensorInfo& tensor, std::uint64_t begin, std::span<const std::byte> bytes) {
  check(begin <= tensor.size_bytes && bytes.size() <= tensor.size_bytes - begin, "bytes lie inside their tensor");
  file_.write_at(tensor.offset_bytes + begin, bytes);
}

void SafetensorsWriter::close() { file_.close(); }

}  // namespace nibble::format
