// Safetensors, one file: u64 header length, JSON header, tensor bytes without a hole. The reader enforces every rule
// of the format and refuses duplicate keys and trailing bytes, so that no two programs see different tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "format/dtype.h"

namespace nibble::format {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kBF16;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t offset_bytes = 0;   // from the beginning of the file
  std::uint64_t size_bytes = 0;

  std::uint64_t n_elements() const { return size_bytes / std::uint64_t(bytes_of(dtype)); }
};

std::string shape_text(std::span<const std::int64_t> shape);  // "[2560, 10240]"

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              // by offset
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxTensors = 200'000;

// `header` is the JSON text, `file_bytes` the size of the whole file. `source` opens each Error.
SafetensorsHeader parse_safetensors_header(std::string_view header, std::uint64_t file_bytes, std::string_view source);

class SafetensorsReader {
 public:
  static SafetensorsReader open(const std::string& path);
  const std::string& path() const { return file_.path(); }
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  // Bytes [begin, begin + out.size()) of the tensor; the caller stays inside size_bytes.
  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const;

 private:
  SafetensorsReader(File file, SafetensorsHeader header);
  File file_;
  SafetensorsHeader header_;
};

// Writes a file whose tensors are all known by name, type and shape beforehand; their bytes may then come in any order
// and from several threads. Layout as the Python library's: wider types first, then by name, header padded to 8.
class SafetensorsWriter {
 public:
  // Fills offset_bytes and size_bytes of `tensors`, in the order of the file.
  static SafetensorsWriter create(const std::string& path, std::vector<TensorInfo> tensors,
                                  const std::map<std::string, std::string>& metadata);
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo& at(std::string_view name) const;
  void write(const TensorInfo& tensor, std::uint64_t begin, std::span<const std::byte> bytes);
  void close();  // fsync

 private:
  SafetensorsWriter(OutputFile file, std::vector<TensorInfo> tensors);
  OutputFile file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace nibble::format
