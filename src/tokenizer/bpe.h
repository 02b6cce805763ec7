// Byte-pair encoding of one piece of text: characters become units, and the adjacent pair whose merge has the lowest
// rank, the leftmost of equals, is merged until none is left. A character that is no token becomes its bytes' tokens,
// or the unknown token, or nothing: whichever of these the model has.
//
// Cost: O(n log n) for any text, near O(n) for real ones. Three things keep it low and leave the result as it is: words
// are encoded alone (merge_table.h says why that is the same), short words are remembered for the length of one call,
// and pairs wait in one sorted list and one heap of numbers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/merge_table.h"
#include "tokenizer/vocabulary.h"

namespace nibble::tokenizer {

struct BpeModel {
  bool byte_fallback = false;
  bool fuse_unk = false;                 // a run of unknown characters is one token
  std::optional<std::string> unk_token;  // absent: unknown characters are dropped
  std::vector<std::string_view> merges;  // left, right, left, right, ...
};

class Bpe {
 public:
  Bpe() = default;
  // Checks the whole model; `source` opens each message. The vocabulary is only read here.
  Bpe(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source);

  // What one encode() call carries from piece to piece; not shared between threads.
  class Scratch {
   public:
    // Memory for remembered words is taken in proportion to the text.
    explicit Scratch(std::size_t text_bytes);
    std::uint64_t steps() const { return steps_; }  // pairs taken from the queue so far: the cost, counted

   private:
    friend class Bpe;
    static constexpr std::size_t kMaxRemembered = 14;  // units: an entry fills two cache lines
    struct Remembered {
      std::uint8_t n_units = 0, n_ids = 0;
      std::array<std::uint32_t, kMaxRemembered> units, ids;
    };
    struct Symbol {
      std::uint32_t id;
      std::uint32_t previous, next;  // indices; kEnd at the ends
      std::uint32_t rank;            // of the merge with the next one, kNone where there is none
    };
    static constexpr std::uint32_t kEnd = ~0u;

    std::vector<std::uint32_t> word_;  // units read and not yet encoded
    std::vector<Symbol> symbols_;
    std::vector<std::uint64_t> sorted_;   // rank << 32 | index of the left symbol: the pairs of the units
    std::vector<std::uint64_t> heap_;     // the pairs that merges made
    std::vector<Remembered> remembered_;  // direct-mapped by the word's hash; empty for short texts
    std::uint64_t steps_ = 0;
  };

  // Appends the ids of `piece`, which is valid UTF-8.
  void encode(std::string_view piece, Scratch& scratch, std::vector<int>& ids) const;

 private:
  static constexpr int kNoUnit = -1;

  int unit_of(char32_t character) const;
  void add_unit(std::uint32_t unit, Scratch& scratch, std::vector<int>& ids) const;
  void finish_word(Scratch& scratch, std::vector<int>& ids) const;
  void merge_word(Scratch& scratch, std::vector<int>& ids) const;
  void read_units(const Vocabulary& vocabulary);
  void read_fallbacks(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source);
  void read_merges(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source);

  // The token of each single character: a page of 256 per block of code points that has one.
  std::vector<std::uint16_t> page_of_;       // [0x110000 / 256], 0: none
  std::vector<std::array<int, 256>> pages_;  // pages_[0] is all kNoUnit
  std::array<int, 256> bytes_{};             // where byte_fallback_
  bool byte_fallback_ = false;
  bool fuse_unk_ = false;
  int unk_ = kNoUnit;
  MergeTable table_;
};

}  // namespace nibble::tokenizer
