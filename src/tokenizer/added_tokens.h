// Added tokens: texts such as <|turn> that are one token wherever they stand, found before anything else is done to the
// text. At each place the longest one wins, and the search goes on behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::tokenizer {

class AddedTokens {
 public:
  // The longest match costs its length at each place it begins to match, so lengths are bounded.
  static constexpr std::size_t kMaxBytes = 1024;

  struct Match {
    std::size_t begin = 0, end = 0;
    int id = 0;
    bool special = false;
  };

  bool empty() const { return entries_.empty(); }
  void add(std::string text, int id, bool special);  // not empty
  void finish();                                     // after the last add
  // The first match that begins at or behind `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  struct Entry {
    std::string text;
    int id;
    bool special;
  };
  std::vector<Entry> entries_;              // sorted by text
  std::array<std::uint32_t, 257> first_{};  // entries whose first byte is b: [first_[b], first_[b + 1])
};

}  // namespace nibble::tokenizer
