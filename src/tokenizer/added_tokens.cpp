#include "tokenizer/added_tokens.h"

#include <algorithm>

namespace nibble::tokenizer {

void AddedTokens::add(std::string text, int id, bool special) {
  entries_.push_back({.text = std::move(text), .id = id, .special = special});
}

void AddedTokens::finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
  first_.fill(0);
  for (const Entry& entry : entries_) ++first_[std::uint8_t(entry.text[0]) + 1u];
  for (std::size_t b = 1; b < first_.size(); ++b) first_[b] += first_[b - 1];
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  if (entries_.empty()) return std::nullopt;
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    const std::uint8_t byte = std::uint8_t(text[begin]);
    auto low = entries_.begin() + first_[byte], high = entries_.begin() + first_[byte + 1u];
    if (low == high) continue;
    // Narrows the sorted entries to those that share one more byte with the text; one that is used up is a match.
    const Entry* longest = nullptr;
    for (std::size_t n = 1;; ++n) {
      if (low->text.size() == n) longest = &*low++;
      if (low == high || begin + n == text.size()) break;
      const std::uint8_t next = std::uint8_t(text[begin + n]);
      low = std::partition_point(low, high, [&](const Entry& e) { return std::uint8_t(e.text[n]) < next; });
      high = std::partition_point(low, high, [&](const Entry& e) { return std::uint8_t(e.text[n]) == next; });
      if (low == high) break;
    }
    if (longest != nullptr)
      return Match{.begin = begin, .end = begin + longest->text.size(), .id = longest->id, .special = longest->special};
  }
  return std::nullopt;
}

}  // namespace nibble::tokenizer
