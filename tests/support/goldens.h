// Golden files for tests: the repository's own under tests/goldens, and those of ../shared/goldens where it is present.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "format/bf16.h"
#include "format/safetensors.h"

namespace fs = std::filesystem;

namespace nibble::testing {

inline fs::path own_goldens() { return fs::path(NIBBLE_SOURCE_DIR) / "tests" / "goldens"; }

// Empty where there are none.
inline fs::path shared_goldens() {
  const char* set = std::getenv("NIBBLE_SHARED");
  const fs::path shared = set != nullptr ? fs::path(set) : fs::path(NIBBLE_SOURCE_DIR) / ".." / "shared";
  return fs::is_directory(shared / "goldens") ? shared / "goldens" : fs::path();
}

// Every existing ROOT/RELATIVE of both.
inline std::vector<fs::path> golden_folders(const fs::path& relative) {
  std::vector<fs::path> found;
  for (const fs::path& root : {own_goldens(), shared_goldens()})
    if (!root.empty() && fs::exists(root / relative)) found.push_back(root / relative);
  return found;
}

class GoldenFile {
 public:
  explicit GoldenFile(const fs::path& path) : reader_(format::SafetensorsReader::open(path.string())) {}

  const std::vector<format::TensorInfo>& tensors() const { return reader_.tensors(); }
  bool has(const std::string& name) const { return find(name) != nullptr; }
  const format::TensorInfo& info(const std::string& name) const {
    const format::TensorInfo* tensor = find(name);
    if (tensor == nullptr) throw Error("{}: no tensor '{}'", reader_.path(), name);
    return *tensor;
  }
  std::vector<std::byte> bytes(const std::string& name) const {
    const format::TensorInfo& tensor = info(name);
    std::vector<std::byte> data(tensor.size_bytes);
    reader_.read(tensor, 0, data);
    return data;
  }
  template <typename T>
  std::vector<T> raw(const std::string& name) const {
    const std::vector<std::byte> data = bytes(name);
    std::vector<T> values(data.size() / sizeof(T));
    std::memcpy(values.data(), data.data(), data.size());
    return values;
  }
  // F32 or BF16 as floats.
  std::vector<float> floats(const std::string& name) const {
    if (info(name).dtype == format::DType::kF32) return raw<float>(name);
    std::vector<float> values;
    for (const std::uint16_t bits : raw<std::uint16_t>(name)) values.push_back(format::bf16_to_f32(bits));
    return values;
  }
  std::vector<int> ids(const std::string& name) const {
    std::vector<int> values;
    for (const std::int64_t id : raw<std::int64_t>(name)) values.push_back(int(id));
    return values;
  }

 private:
  const format::TensorInfo* find(const std::string& name) const {
    for (const format::TensorInfo& tensor : reader_.tensors())
      if (tensor.name == name) return &tensor;
    return nullptr;
  }
  format::SafetensorsReader reader_;
};

struct Difference {
  double mean = 0, max = 0;
  std::size_t worst = 0;  // index of max
};

inline Difference difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) throw Error("compared {} values with {}", a.size(), b.size());
  Difference d;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double e = std::abs(double(a[i]) - double(b[i]));
    d.mean += e / double(a.size());
    if (!(e <= d.max)) d.max = e, d.worst = i;
  }
  return d;
}

}  // namespace nibble::testing
