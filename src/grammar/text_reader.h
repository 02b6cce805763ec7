// The characters of a JSON string, from its bytes: UTF-8 and escapes. A character that is not complete is a range of
// characters; it is refused as soon as nothing in the range can follow.
#pragma once

#include <algorithm>

#include "grammar/machine.h"

namespace nibble::grammar {

// Thread::escape
enum Escape : std::uint8_t {
  kNoEscape = 0,
  kBackslash = 1,
  kHex = 2,  // and how many digits were read: 2 to 5
  kPairBackslash = 6,
  kPairU = 7,
  kPairHex = 8,  // 8 to 11
};

inline std::uint64_t mixed(std::uint64_t hash, char32_t c) {
  hash = (hash ^ (c + 1)) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

// `Allowed(state)` says whether a state may be entered. Each function returns false where the text can't go on.
template <typename Allowed>
class TextReader {
 public:
  TextReader(const Dfa& table, Thread& thread, Allowed allowed) : table_(table), thread_(thread), allowed_(allowed) {}

  bool raw_byte(std::uint8_t byte) {
    if (thread_.remaining != 0) return continuation(byte);
    if (byte < 0x80) return character(byte);
    if (byte < 0xC2 || byte > 0xF4) return false;
    thread_.remaining = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    thread_.other = thread_.remaining;  // how long it is
    thread_.partial = byte & (0x3F >> thread_.remaining);
    return partial_character();
  }

  // Between the quotes.
  bool json_byte(std::uint8_t byte) {
    if (thread_.remaining != 0) return continuation(byte);
    if (thread_.escape != kNoEscape) return escape(byte);
    if (byte == '\\') return thread_.escape = kBackslash, any(0, kLastCharacter);
    return byte >= 0x20 && raw_byte(byte);
  }

 private:
  bool character(char32_t c) {
    const int to = table_.step(thread_.state, c);
    if (to == kDead || !allowed_(to)) return false;
    thread_.state = to;
    thread_.hash = mixed(thread_.hash, c);
    thread_.partial = thread_.other = 0;
    return true;
  }

  bool any(char32_t first, char32_t last) const {
    return first <= last && table_.any_step(thread_.state, first, last, allowed_);
  }

  bool continuation(std::uint8_t byte) {
    if ((byte & 0xC0) != 0x80) return false;
    thread_.partial = thread_.partial << 6 | (byte & 0x3F);
    --thread_.remaining;
    return partial_character();
  }

  bool partial_character() {
    constexpr char32_t kShortest[] = {0, 0x80, 0x800, 0x10000};  // by how many bytes follow the first
    const int n_bits = 6 * thread_.remaining;
    const char32_t first = std::max(char32_t(thread_.partial << n_bits), kShortest[thread_.other]);
    const char32_t last = std::min(char32_t(thread_.partial << n_bits | ((1u << n_bits) - 1)), kLastCharacter);
    if (n_bits == 0) return first == last && (first < 0xD800 || first > 0xDFFF) && character(first);
    return any(first, std::min(last, char32_t(0xD7FF))) || any(std::max(first, char32_t(0xE000)), last);
  }

  bool escape(std::uint8_t byte) {
    if (thread_.escape == kPairBackslash) return thread_.escape = kPairU, byte == '\\';
    if (thread_.escape == kPairU) return thread_.escape = kPairHex, thread_.partial = 0, byte == 'u';
    if (thread_.escape >= kHex) return hex_digit(byte);
    thread_.escape = kNoEscape;
    switch (byte) {
      case '"':
      case '\\':
      case '/': return character(byte);
      case 'b': return character('\b');
      case 'f': return character('\f');
      case 'n': return character('\n');
      case 'r': return character('\r');
      case 't': return character('\t');
      case 'u': return thread_.escape = kHex, thread_.partial = 0, true;
      default: return false;
    }
  }

  static char32_t paired(char32_t high, char32_t low) { return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00); }

  bool hex_digit(std::uint8_t byte) {
    const int digit = byte >= '0' && byte <= '9'                 ? byte - '0'
                      : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10
                                                                 : -1;
    if (digit < 0) return false;
    thread_.partial = thread_.partial << 4 | std::uint32_t(digit);
    const bool is_second = thread_.escape >= kPairHex;
    const int n_left = (is_second ? kPairHex : kHex) + 3 - thread_.escape++;
    const char32_t first = thread_.partial << (4 * n_left), last = first | ((1u << (4 * n_left)) - 1);
    if (is_second) {
      const char32_t low = std::max(first, char32_t(0xDC00)), high = std::min(last, char32_t(0xDFFF));
      if (low > high) return false;
      if (n_left > 0) return any(paired(thread_.other, low), paired(thread_.other, high));
      thread_.escape = kNoEscape;
      return character(paired(thread_.other, low));
    }
    if (n_left == 0 && (first < 0xD800 || first > 0xDFFF)) {
      thread_.escape = kNoEscape;
      return character(first);
    }
    const char32_t low = std::max(first, char32_t(0xD800)), high = std::min(last, char32_t(0xDBFF));
    if (n_left == 0) {
      thread_.other = first;
      thread_.escape = kPairBackslash;
    }
    return (n_left > 0 &&
            (any(first, std::min(last, char32_t(0xD7FF))) || any(std::max(first, char32_t(0xE000)), last))) ||
           (low <= high && any(paired(low, 0xDC00), paired(high, 0xDFFF)));
  }

  const Dfa& table_;
  Thread& thread_;
  Allowed allowed_;
};

}  // namespace nibble::grammar
