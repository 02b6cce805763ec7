// Any bytes as text and as ids, for each kind of tokenizer: text gives ids of the vocabulary or an Error, and ids give
// UTF-8, all at once and one at a time.
#include <array>
#include <cstdlib>
#include <numeric>

#include "base/error.h"
#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace {

using namespace nibble;
using tokenizer::Tokenizer;

const Tokenizer& tokenizer_of(int kind) {
  static const std::array<Tokenizer, 3> all = {Tokenizer::load(NIBBLE_SOURCE_DIR "/tests/goldens/tokenizer/gemma"),
                                               Tokenizer::load(NIBBLE_SOURCE_DIR "/tests/goldens/tokenizer/plain"),
                                               Tokenizer::load(NIBBLE_SOURCE_DIR "/tests/goldens/tokenizer/bytes")};
  return all[std::size_t(kind) % all.size()];
}

void decode(const Tokenizer& tokenizer, std::string_view bytes) {
  std::vector<int> ids;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    ids.push_back((static_cast<unsigned char>(bytes[i]) * 256 + static_cast<unsigned char>(bytes[i + 1])) %
                  tokenizer.n_vocab());
  // A byte may spoil what was sent as a character of its own, so only this holds of all ids: no piece splits a character.
  if (tokenizer::find_invalid_utf8(tokenizer.decode(ids, false))) std::abort();
  tokenizer::StreamDecoder stream(tokenizer, {.skip_special = false});
  for (const int id : ids)
    if (tokenizer::find_invalid_utf8(stream.push(id))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Tokenizer& tokenizer = tokenizer_of(data[0]);
  try {
    for (const bool parse_special : {false, true}) {
      const std::vector<int> ids = tokenizer.encode(text, parse_special);
      for (const int id : ids)
        if (id < 0 || id >= tokenizer.n_vocab()) std::abort();
    }
  } catch (const Error&) {
  }
  decode(tokenizer, text);
  return 0;
}
