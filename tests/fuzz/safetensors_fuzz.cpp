// Any bytes as a safetensors file: an Error, or tensors that lie side by side inside the file.
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  // The first byte is how much data follows the header, so that small inputs reach the checks behind the
  // JSON.
  if (size == 0) return 0;
  const std::string_view header(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::uint64_t file_bytes = 8 + header.size() + data[0];
  try {
    const format::SafetensorsHeader parsed = format::parse_safetensors_header(header, file_bytes, "fuzz");
    std::uint64_t at = 8 + header.size();
    for (const format::TensorInfo& tensor : parsed.tensors) {
      std::uint64_t n = 1;
      for (const std::int64_t dimension : tensor.shape) n *= std::uint64_t(dimension);
      if (tensor.offset_bytes != at || n != tensor.n_elements()) std::abort();
      at += tensor.size_bytes;
    }
    if (at != file_bytes) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
