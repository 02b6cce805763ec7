#include "grammar/regex.h"

#include <algorithm>

#include "grammar/regex_parser.h"

namespace nibble::grammar {
namespace {

// A program for a machine that keeps the set of all places it may be at: kSplit goes on at both `next` and `other`.
struct Instruction {
  enum class Kind { kCharacters, kSplit, kBegin, kEnd, kMatch } kind = Kind::kMatch;
  int next = 0, other = 0;
  int set = 0;  // kCharacters: in sets_
};
using Kind = Instruction::Kind;
using Places = std::vector<int>;  // sorted; kSplit and kBegin are followed at once, kEnd waits for the end

class Regex : public Language {
 public:
  Regex(const RegexNode& tree, Anchoring anchoring, std::string_view place, Budget& budget)
      : anchoring_(anchoring), place_(place) {
    code_.push_back({.kind = Kind::kMatch});
    begin_ = emit(tree, 0, budget);
    seen_.resize(code_.size());
    Places places;
    open(begin_, true, places, budget);
    start_ = intern(places, budget);
  }

  void add_cuts(std::vector<char32_t>& cuts) const override {
    for (const CharacterSet& set : sets_) {
      for (const CharacterSet::Range& range : set.ranges()) {
        cuts.push_back(range.first);
        cuts.push_back(range.last + 1);
      }
    }
  }

  int start() override { return start_; }

  int step(int state, char32_t c, Budget& budget) override {
    if (state == found_) return found_;
    Places following;
    const Places& places = *states_[std::size_t(state)];
    budget.work(places.size());
    for (const int place : places) {
      const Instruction& code = code_[std::size_t(place)];
      if (code.kind == Kind::kCharacters && sets_[std::size_t(code.set)].contains(c))
        open(code.next, false, following, budget);
    }
    if (anchoring_ == Anchoring::kSearch) open(begin_, false, following, budget);
    return intern(following, budget);
  }

  int label(int state) override {
    if (state == found_) return 1;
    const Places& places = *states_[std::size_t(state)];
    return std::any_of(places.begin(), places.end(), [&](int place) { return may_end_at(place); });
  }

  Fate fate(int state) const override { return state == found_ ? Fate::kAlways : Fate::kOpen; }

 private:
  int add(Instruction instruction) {
    if (code_.size() >= kLimits.pattern_instructions) throw Error("{}: too large a regular expression", place_);
    code_.push_back(instruction);
    return int(code_.size()) - 1;
  }

  // Back to front: takes where the construct continues, returns where it begins. Nested repetitions multiply, also
  // those of nothing, so calls are counted and not only instructions.
  int emit(const RegexNode& node, int next, Budget& budget) {
    using Type = RegexNode::Type;
    budget.work(1);
    switch (node.type) {
      case Type::kCharacters: {
        budget.memory(sizeof(Instruction));
        return add({.kind = Kind::kCharacters, .next = next, .set = set_of(node)});
      }
      case Type::kBegin: return add({.kind = Kind::kBegin, .next = next});
      case Type::kEnd: return add({.kind = Kind::kEnd, .next = next});
      case Type::kSequence:
        for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
          next = emit(*child, next, budget);
        return next;
      case Type::kAlternatives: {
        int begin = emit(node.children.back(), next, budget);
        for (auto child = node.children.rbegin() + 1; child != node.children.rend(); ++child)
          begin = add({.kind = Kind::kSplit, .next = emit(*child, next, budget), .other = begin});
        return begin;
      }
      case Type::kRepeat: {
        const RegexNode& child = node.children[0];
        if (node.max == RegexNode::kNoBound) {
          const int loop = add({.kind = Kind::kSplit, .next = next, .other = next});
          const int body = emit(child, loop, budget);
          code_[std::size_t(loop)].other = body;
          next = loop;
        } else {
          const int end = next;
          for (std::uint32_t i = node.min; i < node.max; ++i)
            next = add({.kind = Kind::kSplit, .next = emit(child, next, budget), .other = end});
        }
        for (std::uint32_t i = 0; i < node.min; ++i) next = emit(child, next, budget);
        return next;
      }
    }
    return next;
  }

  int set_of(const RegexNode& node) {
    const auto [entry, added] = set_ids_.try_emplace(&node, int(sets_.size()));
    if (added) sets_.push_back(node.characters);
    return entry->second;
  }

  // Adds `pc` and all that it reaches without a character.
  void open(int pc, bool at_begin, Places& places, Budget& budget) {
    Places stack = {pc};
    while (!stack.empty()) {
      const int here = stack.back();
      stack.pop_back();
      budget.work(1);
      if (seen_[std::size_t(here)]) continue;
      seen_[std::size_t(here)] = true;
      touched_.push_back(here);
      const Instruction& code = code_[std::size_t(here)];
      switch (code.kind) {
        case Kind::kSplit:
          stack.push_back(code.next);
          stack.push_back(code.other);
          break;
        case Kind::kBegin:
          if (at_begin) stack.push_back(code.next);
          break;
        default: places.push_back(here);
      }
    }
  }

  // Whether a text may end at `pc`: a match, or a $ with nothing but a match behind it.
  bool may_end_at(int pc) {
    if (code_[std::size_t(pc)].kind == Kind::kMatch) return true;
    if (code_[std::size_t(pc)].kind != Kind::kEnd) return false;
    const auto [entry, added] = ends_.try_emplace(pc, false);
    if (!added) return entry->second;
    Places stack = {pc};
    std::vector<bool> seen(code_.size());
    while (!stack.empty()) {
      const int here = stack.back();
      stack.pop_back();
      if (seen[std::size_t(here)]) continue;
      seen[std::size_t(here)] = true;
      const Instruction& code = code_[std::size_t(here)];
      if (code.kind == Kind::kMatch) return entry->second = true;
      if (code.kind == Kind::kEnd || code.kind == Kind::kSplit) stack.push_back(code.next);
      if (code.kind == Kind::kSplit) stack.push_back(code.other);
    }
    return false;
  }

  int intern(Places& places, Budget& budget) {
    for (const int place : touched_) seen_[std::size_t(place)] = false;
    touched_.clear();
    if (places.empty()) return kDead;
    std::sort(places.begin(), places.end());
    if (anchoring_ == Anchoring::kSearch && places[0] == 0) places = {0};  // found: the rest may be anything
    const auto [entry, added] = ids_.try_emplace(std::move(places), int(states_.size()));
    if (added) {
      budget.memory(96 + entry->first.size() * sizeof(int));
      states_.push_back(&entry->first);
      if (anchoring_ == Anchoring::kSearch && entry->first[0] == 0) found_ = entry->second;
    }
    return entry->second;
  }

  Anchoring anchoring_;
  std::string place_;
  std::vector<Instruction> code_;  // code_[0] is the match
  std::vector<CharacterSet> sets_;
  std::map<const RegexNode*, int> set_ids_;
  int begin_ = 0, start_ = kDead, found_ = -2;
  std::map<Places, int> ids_;
  std::vector<const Places*> states_;
  std::vector<bool> seen_;
  Places touched_;
  std::map<int, bool> ends_;
};

}  // namespace

std::unique_ptr<Language> parse_regex(std::string_view pattern, Anchoring anchoring, std::string_view place,
                                      Budget& budget) {
  const RegexNode tree = parse_regex_tree(pattern, place);
  return std::make_unique<Regex>(tree, anchoring, place, budget);
}

}  // namespace nibble::grammar
