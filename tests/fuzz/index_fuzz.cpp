// Any text as model.safetensors.index.json: an Error, or plain file names.
#include <cstdlib>

#include "base/error.h"
#include "format/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const auto shards = format::parse_safetensors_index({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (shards.empty()) std::abort();
    for (const auto& [tensor, file] : shards)
      if (file.find('/') != std::string::npos || file.find('\0') != std::string::npos || file[0] == '.') std::abort();
  } catch (const Error&) {
  }
  return 0;
}
