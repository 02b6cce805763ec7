// A language: a set of texts, as a deterministic automaton over code points whose states are made when they are first
// reached. A regular expression, a length, a bound on a number are each one; dfa.h reads several at once into a table.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/limits.h"

namespace nibble::grammar {

inline constexpr int kDead = -1;  // the state in which a text can never belong
inline constexpr char32_t kLastCharacter = 0x10FFFF;

enum class Fate { kNever, kOpen, kAlways };  // what longer texts can still do to membership

class Language {
 public:
  virtual ~Language() = default;
  // Adds the first character of every range in which all characters mean the same.
  virtual void add_cuts(std::vector<char32_t>& cuts) const = 0;
  virtual int start() = 0;
  virtual int step(int state, char32_t c, Budget& budget) = 0;
  virtual int label(int state) = 0;  // 0: a text that ends here does not belong; else, in which way it does
  virtual Fate fate(int) const { return Fate::kOpen; }
  // Of numbers: each has one spelling that a model should use, without zeros at its end.
  virtual bool has_shortest_spelling() const { return false; }
  virtual bool follows_exponents() const { return true; }
};

int label_of(Language& language, std::u32string_view text, Budget& budget);
std::u32string code_points(std::string_view utf8);

// Texts of at least `n` characters.
class AtLeast : public Language {
 public:
  explicit AtLeast(std::uint32_t n) : n_(int(n)) {}
  void add_cuts(std::vector<char32_t>&) const override {}
  int start() override { return 0; }
  int step(int state, char32_t, Budget&) override { return state < n_ ? state + 1 : n_; }
  int label(int state) override { return state == n_; }
  Fate fate(int state) const override { return state == n_ ? Fate::kAlways : Fate::kOpen; }

 private:
  int n_;
};

// A list of texts, sorted; the label of the text at index i is i + 1.
class Texts : public Language {
 public:
  Texts(const std::vector<std::string>& sorted, Budget& budget);
  void add_cuts(std::vector<char32_t>& cuts) const override;
  int start() override { return 0; }
  int step(int state, char32_t c, Budget& budget) override;
  int label(int state) override { return nodes_[std::size_t(state)].label; }

 private:
  struct Node {
    std::map<char32_t, int> next;
    int label = 0;
  };
  std::vector<Node> nodes_;
};

}  // namespace nibble::grammar
