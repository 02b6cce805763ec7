// Files of the Python library, read and written again, must come out byte for byte.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/goldens.h"
#include "support/process.h"

namespace nibble::format {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> golden_files() {
  std::vector<fs::path> found;
  for (const fs::path& root : {testing::own_goldens(), testing::shared_goldens()}) {
    if (root.empty() || !fs::is_directory(root)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root))
      if (entry.path().extension() == ".safetensors" && entry.file_size() < (16u << 20)) found.push_back(entry.path());
  }
  return found;
}

TEST(SafetensorsWriter, RewritesGoldenFilesByteForByte) {
  ASSERT_FALSE(golden_files().empty());
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("copy.safetensors");
  for (const fs::path& original : golden_files()) {
    const SafetensorsReader reader = SafetensorsReader::open(original.string());
    SafetensorsWriter writer = SafetensorsWriter::create(path, reader.tensors(), reader.metadata());
    for (const TensorInfo& tensor : reader.tensors()) {
      std::vector<std::byte> bytes(tensor.size_bytes);
      reader.read(tensor, 0, bytes);
      const std::size_t half = bytes.size() / 2;  // in two pieces, the later one first
      writer.write(writer.at(tensor.name), half, std::span(bytes).subspan(half));
      writer.write(writer.at(tensor.name), 0, std::span(bytes).first(half));
    }
    writer.close();
    if (reader.metadata().size() > 1) continue;  // the library writes several entries in no fixed order
    EXPECT_TRUE(testing::read_all(path) == testing::read_all(original.string())) << original;
  }
}

TEST(SafetensorsWriter, EveryTypeScalarsAndEmptyTensors) {
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("all.safetensors");
  std::vector<TensorInfo> tensors;
  for (const char* name : {"BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "U16", "I16", "F16", "BF16", "U32", "I32", "F32",
                           "U64", "I64", "F64"}) {
    tensors.push_back({.name = std::string("scalar ") + name, .dtype = *dtype_from_name(name), .shape = {}});
    tensors.push_back({.name = std::string("empty ") + name, .dtype = *dtype_from_name(name), .shape = {3, 0}});
  }
  SafetensorsWriter writer = SafetensorsWriter::create(path, tensors, {{"a", "1"}, {"b", "\"\n"}});
  for (const TensorInfo& tensor : writer.tensors())
    writer.write(tensor, 0, std::vector<std::byte>(tensor.size_bytes, std::byte{1}));
  writer.close();
  const SafetensorsReader reader = SafetensorsReader::open(path);
  EXPECT_EQ(reader.tensors().size(), tensors.size());
  EXPECT_EQ(reader.metadata().at("b"), "\"\n");
}

std::string message(std::vector<TensorInfo> tensors) {
  const testing::TemporaryDirectory temporary;
  try {
    SafetensorsWriter::create(temporary.file("x"), std::move(tensors), {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SafetensorsWriter, RefusesWhatNoFileCanHold) {
  const TensorInfo one{.name = "w", .dtype = DType::kF32, .shape = {2}};
  EXPECT_NE(message({one, one}).find("tensor 'w' is to be written twice"), std::string::npos);
  EXPECT_EQ(message({{.name = "w", .dtype = DType::kF32, .shape = {std::int64_t{1} << 40, std::int64_t{1} << 40}}}),
            "tensor 'w': the size of shape [1099511627776, 1099511627776] overflows");
}

}  // namespace
}  // namespace nibble::format
