// Pieces of any length, at any place of the blocks of the file, must come out as the bytes that went in.
#include "format/tensor_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/process.h"

namespace nibble::format {
namespace {

TEST(TensorStream, WritesWhatWasAppendedWhereverTheTensorLies) {
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("streamed.safetensors");
  std::vector<TensorInfo> tensors;
  // Less than a block, a block, several pieces; each moves the next to another place in its block.
  for (const std::int64_t bytes : {1, 4095, 4096, 4097, 8192, 100'000, 3'000'001, 5 << 20, 0, 7})
    tensors.push_back({.name = std::to_string(tensors.size()), .dtype = DType::kU8, .shape = {bytes}});
  std::mt19937 random(1);
  std::map<std::string, std::vector<std::byte>> expected;
  SafetensorsWriter writer = SafetensorsWriter::create(path, tensors, {});
  TensorStream::Buffer buffer;
  for (const TensorInfo& tensor : writer.tensors()) {
    std::vector<std::byte>& bytes = expected[tensor.name];
    bytes.resize(tensor.size_bytes);
    std::generate(bytes.begin(), bytes.end(), [&] { return std::byte(random()); });
    // In two streams, as two threads would write it.
    const std::size_t split = bytes.size() / 3;
    for (const auto& [begin, end] : {std::pair(split, bytes.size()), std::pair(std::size_t(0), split)}) {
      TensorStream stream(writer, tensor, begin, buffer);
      for (std::size_t at = begin; at < end;) {
        const std::size_t n = std::min<std::size_t>(1 + random() % 2'500'000, end - at);
        std::copy_n(bytes.begin() + std::ptrdiff_t(at), n, stream.append(n).begin());
        at += n;
      }
      stream.finish();
    }
  }
  writer.close();
  const SafetensorsReader reader = SafetensorsReader::open(path);
  ASSERT_EQ(reader.tensors().size(), tensors.size());
  for (const TensorInfo& tensor : reader.tensors()) {
    std::vector<std::byte> found(tensor.size_bytes);
    reader.read(tensor, 0, found);
    EXPECT_TRUE(found == expected.at(tensor.name)) << "tensor of " << tensor.size_bytes << " bytes";
  }
}

}  // namespace
}  // namespace nibble::format
