// The tokens of a model: text <-> id in flat arrays. 262,144 tokens take 8 MB and no allocation of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::tokenizer {

class Vocabulary {
 public:
  static constexpr int kMaxTokens = 1 << 20;  // ids below it; Gemma 4 has 2^18

  enum class Added { kYes, kSameText, kSameId };
  // `id` is in [0, kMaxTokens).
  Added add(std::string_view text, int id);

  std::optional<int> find(std::string_view text) const;
  void prefetch(std::string_view text) const;  // a find(text) is to come
  bool has(int id) const { return id >= 0 && id < size() && spans_[std::size_t(id)].length != kAbsent; }
  std::string_view text(int id) const;             // empty where has(id) is false
  int size() const { return int(spans_.size()); }  // highest id + 1: a file may leave ids out
  int n_tokens() const { return int(count_); }

 private:
  static constexpr std::uint32_t kAbsent = ~0u;
  static constexpr std::uint64_t kEmptySlot = 0;

  struct Span {
    std::uint32_t start = 0, length = kAbsent;  // in texts_
  };

  void grow();

  std::string texts_;                 // one behind the other, in the order of the file
  std::vector<Span> spans_;           // by id
  std::vector<std::uint64_t> slots_;  // high half: of the text's hash; low half: id + 1. A power of two, half empty
  std::size_t count_ = 0;
};

}  // namespace nibble::tokenizer
