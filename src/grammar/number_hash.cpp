#include "grammar/number_hash.h"

#include <algorithm>

namespace nibble::grammar {
namespace {

constexpr std::uint64_t kPrime = (std::uint64_t(1) << 61) - 1;

// Bits of Thread::escape.
enum : std::uint8_t { kNegative = 1, kFraction = 2, kExponent = 4, kNegativeExponent = 8 };

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  return std::uint64_t(Wide(a) * b % kPrime);
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base = times(base, base))
    if (exponent & 1) result = times(result, base);
  return result;
}

}  // namespace

// hash: the digits as one number; partial: how many are behind the point; other: the exponent.
void read_for_hash(Thread& thread, std::uint8_t byte) {
  if (byte == '.') {
    thread.escape |= kFraction;
  } else if ((byte | 32) == 'e') {
    thread.escape |= kExponent;
  } else if (byte == '-') {
    thread.escape |= (thread.escape & kExponent) != 0 ? kNegativeExponent : kNegative;
  } else if (byte == '+') {
  } else if ((thread.escape & kExponent) != 0) {
    thread.other = std::min<std::uint32_t>(thread.other * 10 + (byte - '0'), 1u << 24);
  } else {
    thread.hash = (times(thread.hash, 10) + (byte - '0')) % kPrime;
    if ((thread.escape & kFraction) != 0) ++thread.partial;
  }
}

std::uint64_t number_hash(const Thread& thread) {
  std::int64_t exponent = thread.other;
  if ((thread.escape & kNegativeExponent) != 0) exponent = -exponent;
  exponent -= thread.partial;
  const std::uint64_t tenth = power(10, kPrime - 2);  // 10 times this is 1
  const std::uint64_t scale = power(exponent < 0 ? tenth : 10, std::uint64_t(exponent < 0 ? -exponent : exponent));
  const std::uint64_t value = times(thread.hash, scale);
  return (thread.escape & kNegative) != 0 && value != 0 ? kPrime - value : value;
}

}  // namespace nibble::grammar
