// A set of characters as sorted ranges that do not touch.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "grammar/language.h"

namespace nibble::grammar {

class CharacterSet {
 public:
  struct Range {
    char32_t first, last;
    bool operator<(const Range& other) const { return first < other.first; }
  };

  CharacterSet() = default;
  CharacterSet(std::initializer_list<Range> ranges) : ranges_(ranges) { settle(); }

  void add(char32_t first, char32_t last) { ranges_.push_back({first, last}); }
  void add(const CharacterSet& other) { ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end()); }

  // To be called between the last add and the first use.
  void settle() {
    std::sort(ranges_.begin(), ranges_.end());
    std::vector<Range> merged;
    for (const Range& range : ranges_) {
      if (!merged.empty() && range.first <= merged.back().last + 1)
        merged.back().last = std::max(merged.back().last, range.last);
      else
        merged.push_back(range);
    }
    ranges_ = std::move(merged);
  }

  CharacterSet complement() const {
    CharacterSet rest;
    char32_t next = 0;
    for (const Range& range : ranges_) {
      if (range.first > next) rest.add(next, range.first - 1);
      next = range.last + 1;
    }
    if (next <= kLastCharacter) rest.add(next, kLastCharacter);
    return rest;
  }

  bool contains(char32_t c) const {
    auto after = std::upper_bound(ranges_.begin(), ranges_.end(), Range{c, c});
    return after != ranges_.begin() && (--after)->last >= c;
  }
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

}  // namespace nibble::grammar
