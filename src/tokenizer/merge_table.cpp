#include "tokenizer/merge_table.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace nibble::tokenizer {

MergeTable::MergeTable(std::size_t n_merges) {
  const std::size_t n_slots = std::bit_ceil(std::max<std::size_t>(n_merges * 2, 16));
  slots_.assign(n_slots, kEmptySlot);
  mask_ = n_slots - 1;
  shift_ = 64 - std::countr_zero(n_slots);
  merged_.reserve(n_merges);
  // 32 bits a merge, up to a table that the second-level cache holds (256 KB; Gemma 4 sets 33,695 bits of it).
  const std::size_t n_bits = std::min(std::bit_ceil(std::max<std::size_t>(n_merges * 32, 4096)), std::size_t(1) << 21);
  joins_.assign(n_bits / 64, 0);
  join_shift_ = 64 - std::countr_zero(n_bits);
}

void MergeTable::add(int left, int right, int merged) {
  check((merged_.size() + 1) * 2 <= slots_.size() && merged_.size() < kMaxMerges, "more merges than room was made for");
  const std::uint64_t key = std::uint64_t(left) << 20 | std::uint64_t(right);
  std::size_t i = place(key);
  while (slots_[i] != kEmptySlot && slots_[i] >> 24 != key) i = (i + 1) & mask_;
  slots_[i] = key << 24 | merged_.size();
  merged_.push_back(std::uint32_t(merged));
}

void MergeTable::allow_join(int left_unit, int right_unit) {
  const std::uint64_t bit = join_bit(std::uint64_t(left_unit), std::uint64_t(right_unit));
  joins_[bit >> 6] |= std::uint64_t(1) << (bit & 63);
}

void MergeTable::allow_all_joins() { std::fill(joins_.begin(), joins_.end(), ~std::uint64_t(0)); }

}  // namespace nibble::tokenizer
