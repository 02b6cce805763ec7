// A table: state and character -> state. Made of several languages read at once, so that any condition on them (all of
// them, one of them, this one without that one) is a set of accepting states, and nothing is ever backtracked.
//
// After prune() each state left can still reach an acceptance: a text is a beginning of an accepted one exactly
// while it has a state.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "grammar/language.h"

namespace nibble::grammar {

// "Plain" characters: those that a JSON string holds as they are. Most tokens consist of them.
inline bool is_plain(char32_t c) { return c >= 0x20 && c != '"' && c != '\\'; }

class Dfa {
 public:
  static constexpr std::uint32_t kForever = ~0u;

  struct Condition {
    // What a text is that ends in these states of the parts: 0 refused, else a label.
    FunctionRef<std::uint32_t(std::span<const int> states)> label;
    // True if no longer text can have a label.
    FunctionRef<bool(std::span<const int> states)> hopeless;
  };
  static Dfa build(std::span<Language* const> parts, const Condition& condition, Budget& budget);

  // Removes what leads nowhere, after labels have changed.
  void prune();
  // Keeps to `preferred` labels where a state can reach one: what a mask allows of all that is accepted.
  void prefer(FunctionRef<bool(std::uint32_t label)> preferred);
  // run(): while a state has plain characters to go on with, all of them, into states that are `wanted`.
  void measure_runs(FunctionRef<bool(int state)> wanted);

  bool empty() const { return n_states_ == 0 || dead_[0]; }
  int n_states() const { return n_states_; }
  int n_classes() const { return n_classes_; }
  int step(int state, char32_t c) const {
    const int to = next_[std::size_t(state) * std::size_t(n_classes_) + class_of(c)];
    return to;
  }
  int next(int state, int of_class) const { return next_[std::size_t(state * n_classes_ + of_class)]; }
  // Whether some character from first to last has a step to a state that is allowed.
  template <typename Allowed>
  bool any_step(int state, char32_t first, char32_t last, Allowed allowed) const {
    const auto goes_on = [&](std::uint32_t of_class) {
      const int to = next(state, int(of_class));
      return to != kDead && allowed(to);
    };
    for (char32_t c = first; c <= last && c < 128; ++c)
      if (goes_on(ascii_[c])) return true;
    if (last < 128) return false;
    auto range = std::upper_bound(firsts_.begin(), firsts_.end(), std::max(first, char32_t(128))) - 1;
    for (; range != firsts_.end() && *range <= last; ++range)
      if (goes_on(range_class_[std::size_t(range - firsts_.begin())])) return true;
    return false;
  }
  std::uint32_t label(int state) const { return labels_[std::size_t(state)]; }
  void set_label(int state, std::uint32_t label) { labels_[std::size_t(state)] = label; }
  bool is_preferred(int state) const { return preferred_.empty() || preferred_[std::size_t(state)]; }
  std::uint32_t run(int state) const { return runs_[std::size_t(state)]; }
  // Whether the texts with a label, or with a preferred one, are without number.
  bool endless() const;
  std::uint64_t memory_bytes() const;

 private:
  std::size_t class_of(char32_t c) const { return c < 128 ? ascii_[c] : class_beyond_ascii(c); }
  std::size_t class_beyond_ascii(char32_t c) const;
  std::vector<char> reaching(FunctionRef<bool(int state)> goal) const;

  std::array<std::uint32_t, 128> ascii_{};
  std::vector<char32_t> firsts_;            // of the ranges behind ASCII
  std::vector<std::uint32_t> range_class_;  // of each
  int n_states_ = 0, n_classes_ = 0;
  std::vector<bool> plain_class_;  // has a plain character
  std::vector<int> next_;          // [state, class]
  std::vector<std::uint32_t> labels_;
  std::vector<char> dead_, preferred_;
  std::vector<std::uint32_t> runs_;
};

}  // namespace nibble::grammar
