// The merges of a BPE model as the encoder asks for them: (left id, right id) -> rank and new id.
//
// may_join() is what makes encoding fast. Two neighbouring units (characters, or bytes of characters that have no
// token) can end up in one token only if some merge has the first as the last character of its left part and the
// second as the first character of its right part: whatever has grown on the left of the gap still ends in that
// character, whatever has grown on the right still begins with it. Between any other two units the text falls into
// words that are encoded alone, with the same result. Gemma 4 has 33,695 such pairs; "e" before "▁" is none of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nibble::tokenizer {

class MergeTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFF;  // no merge: behind every rank
  static constexpr std::size_t kMaxMerges = 1u << 23;

  // Room for `n_merges`, all of them added before the first look-up. The order of adding is the rank; a pair that is
  // added again takes the later rank, as in the reference.
  explicit MergeTable(std::size_t n_merges = 0);
  void add(int left, int right, int merged);
  void allow_join(int left_unit, int right_unit);
  void allow_all_joins();

  std::uint32_t rank(std::uint32_t left, std::uint32_t right) const {  // kNone where nothing merges
    const std::uint64_t key = std::uint64_t(left) << 20 | right;
    for (std::size_t i = place(key);; i = (i + 1) & mask_) {
      const std::uint64_t slot = slots_[i];
      if (slot >> 24 == key) return std::uint32_t(slot) & kNone;
      if (slot == kEmptySlot) return kNone;
    }
  }
  std::uint32_t merged(std::uint32_t rank) const { return merged_[rank]; }
  // Never false where a merge could join; true by chance for 2 % of the other pairs of Gemma 4, which costs time only.
  bool may_join(std::uint32_t left_unit, std::uint32_t right_unit) const {
    const std::uint64_t bit = join_bit(left_unit, right_unit);
    return (joins_[bit >> 6] >> (bit & 63) & 1) != 0;
  }

 private:
  // left (20 bits) | right (20) | rank (24). An id is below 2^20 and a rank below 2^23, so this is none of them.
  static constexpr std::uint64_t kEmptySlot = ~std::uint64_t(0);
  static constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;

  std::size_t place(std::uint64_t key) const {
    const std::uint64_t product = key * kMultiplier;
    return std::size_t((product ^ product >> 32) * kMultiplier >> shift_);
  }
  std::uint64_t join_bit(std::uint64_t left, std::uint64_t right) const {
    return ((left << 20 | right) * kMultiplier) >> join_shift_;
  }

  std::vector<std::uint64_t> slots_;  // a power of two, at least half empty
  std::size_t mask_ = 0;
  int shift_ = 0;
  std::vector<std::uint32_t> merged_;  // by rank
  std::vector<std::uint64_t> joins_;   // a set of hashed pairs, one bit each
  int join_shift_ = 0;
};

}  // namespace nibble::tokenizer
