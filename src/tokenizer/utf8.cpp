#include "tokenizer/utf8.h"

#include <cstring>

namespace nibble::tokenizer {

// Table 3-7 of the Unicode standard: only the byte after the first has bounds other than 80..BF.
void Utf8State::push(std::uint8_t byte) {
  if (broken_) return;
  if (remaining_ > 0) {
    broken_ = byte < low_ || byte > high_;
    low_ = 0x80, high_ = 0xBF;
    --remaining_;
    return;
  }
  if (byte < 0x80) return;
  if (byte >= 0xC2 && byte <= 0xDF) {
    remaining_ = 1;
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    remaining_ = 2;
    if (byte == 0xE0) low_ = 0xA0;
    if (byte == 0xED) high_ = 0x9F;
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    remaining_ = 3;
    if (byte == 0xF0) low_ = 0x90;
    if (byte == 0xF4) high_ = 0x8F;
  } else {
    broken_ = true;
  }
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  Utf8State state;
  std::size_t character = 0;  // offset of the character being read
  for (std::size_t i = 0; i < text.size();) {
    if (state.complete()) {
      character = i;
      std::uint64_t eight = 0;
      if (i + 8 <= text.size()) {
        std::memcpy(&eight, text.data() + i, 8);
        if ((eight & kHighBits) == 0) {
          i += 8;
          continue;
        }
      }
    }
    state.push(std::uint8_t(text[i++]));
    if (state.broken()) return character;
  }
  return state.complete() ? std::nullopt : std::optional(character);
}

}  // namespace nibble::tokenizer
