// Any text as tokenizer.json: an Error, or a tokenizer that then encodes and decodes.
#include "base/error.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const auto tokenizer = tokenizer::Tokenizer::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    const auto ids = tokenizer.encode("Hello <bos> 1, 2 \xe4\xbd\xa0\xe5\xa5\xbd\n", true);
    tokenizer.decode(ids, false);
  } catch (const Error&) {
  }
  return 0;
}
