#include "tokenizer/vocabulary.h"

#include <cstring>

#include "base/check.h"

namespace nibble::tokenizer {
namespace {

std::uint64_t load(const char* bytes, std::size_t n) {  // n: 8, 4 or 1, known when compiled
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, n);
  return value;
}

// Eight bytes a step, the last of which may overlap; the constant is 2^64 / golden ratio, whose products spread low
// bits upwards.
std::uint64_t hash_of(std::string_view text) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  const std::size_t n = text.size();
  std::uint64_t hash = n * kMultiplier;
  const auto mix = [&](std::uint64_t part) {
    hash = (hash ^ part) * kMultiplier;
    hash ^= hash >> 32;
  };
  const char* const p = text.data();
  for (std::size_t i = 0; i + 8 < n; i += 8) mix(load(p + i, 8));
  if (n >= 8)
    mix(load(p + n - 8, 8));
  else if (n >= 4)
    mix(load(p, 4) << 32 | load(p + n - 4, 4));
  else if (n > 0)
    mix(load(p, 1) << 16 | load(p + n / 2, 1) << 8 | load(p + n - 1, 1));
  return hash * kMultiplier;
}

}  // namespace

std::optional<int> Vocabulary::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint64_t high = hash_of(text) >> 32;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = high & mask;; i = (i + 1) & mask) {
    const std::uint64_t slot = slots_[i];
    if (slot == kEmptySlot) return std::nullopt;
    if (slot >> 32 != high) continue;
    const int id = int(std::uint32_t(slot)) - 1;
    if (this->text(id) == text) return id;
  }
}

std::string_view Vocabulary::text(int id) const {
  if (!has(id)) return {};
  const Span span = spans_[std::size_t(id)];
  return std::string_view(texts_).substr(span.start, span.length);
}

void Vocabulary::prefetch(std::string_view text) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[(hash_of(text) >> 32) & (slots_.size() - 1)]);
}

Vocabulary::Added Vocabulary::add(std::string_view text, int id) {
  check(id >= 0 && id < kMaxTokens, "the reader bounds ids");
  check(texts_.size() + text.size() < kAbsent, "the reader bounds the file");
  if (has(id)) return Added::kSameId;
  if (find(text)) return Added::kSameText;
  if ((count_ + 1) * 2 > slots_.size()) grow();
  if (id >= size()) spans_.resize(std::size_t(id) + 1);
  spans_[std::size_t(id)] = {.start = std::uint32_t(texts_.size()), .length = std::uint32_t(text.size())};
  texts_.append(text);
  const std::uint64_t high = hash_of(text) >> 32;
  std::size_t i = high & (slots_.size() - 1);
  while (slots_[i] != kEmptySlot) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = high << 32 | std::uint32_t(id + 1);
  ++count_;
  return Added::kYes;
}

void Vocabulary::grow() {
  std::vector<std::uint64_t> old(slots_.empty() ? 1024 : slots_.size() * 2, kEmptySlot);
  old.swap(slots_);
  for (const std::uint64_t slot : old) {
    if (slot == kEmptySlot) continue;
    std::size_t i = (slot >> 32) & (slots_.size() - 1);
    while (slots_[i] != kEmptySlot) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }
}

}  // namespace nibble::tokenizer
