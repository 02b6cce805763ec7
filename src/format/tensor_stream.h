// Writes a tensor, or a part of it, from its beginning in large pieces. They are gathered in memory as they will lie in
// the blocks of the file, so that they go to the disk without another copy (OutputFile::write_at).
#pragma once

#include <vector>

#include "format/safetensors.h"

namespace nibble::format {

class TensorStream {
 public:
  struct alignas(kBlockBytes) Block {
    std::byte bytes[kBlockBytes];
  };
  using Buffer = std::vector<Block>;  // may serve one stream after another

  // Of `tensor` from `begin`. Grows `buffer` to what it needs.
  TensorStream(SafetensorsWriter& writer, const TensorInfo& tensor, std::uint64_t begin, Buffer& buffer);
  // The next n bytes, for the caller to fill before the next call.
  std::span<std::byte> append(std::size_t n);
  void finish();  // writes what is left

 private:
  void write(std::size_t end);

  SafetensorsWriter& writer_;
  const TensorInfo& tensor_;
  Buffer& buffer_;
  std::uint64_t begin_;      // of the tensor's bytes, where buffer_ holds the next that are to be written:
  std::size_t first_, end_;  // its bytes [first_, end_)
};

}  // namespace nibble::format
