#include "format/module_pattern.h"

#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace nibble::format {
namespace {

constexpr std::size_t kMaxInstructions = 4096;
constexpr int kMaxDepth = 32;

using CharSet = std::bitset<256>;

// A program for a machine that keeps the set of all places it may be at: kSplit goes on at both `next` and
// `other`.
struct Instruction {
  enum class Kind { kChars, kSplit, kBegin, kEnd, kAhead, kNotAhead, kMatch } kind = Kind::kMatch;
  int next = 0, other = 0;  // kAhead, kNotAhead: `other` begins the program that is looked for
  CharSet chars;
};
using Kind = Instruction::Kind;

CharSet chars_of(const char* ranges) {  // pairs of first and last
  CharSet set;
  for (const char* r = ranges; *r; r += 2)
    for (int c = r[0]; c <= r[1]; ++c) set.set(std::size_t(c));
  return set;
}

struct Node {
  enum class Type { kSequence, kChars, kAlternatives, kRepeat, kBegin, kEnd, kAhead, kNotAhead } type = Type::kSequence;
  CharSet chars;
  std::vector<Node> children;
  int min = 0, max = 0;  // kRepeat; max -1: no bound
};
using Type = Node::Type;

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  Node parse() {
    Node node = alternatives(0);
    if (at_ < pattern_.size()) fail("unmatched )");
    return node;
  }

 private:
  [[noreturn]] void fail(const char* why) const { throw Error("'re:{}' at character {}: {}", pattern_, at_ + 1, why); }
  bool done() const { return at_ >= pattern_.size(); }
  char peek() const { return done() ? '\0' : pattern_[at_]; }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  Node alternatives(int depth) {
    if (depth > kMaxDepth) fail("nested too deeply");
    Node node{.type = Type::kAlternatives};
    do node.children.push_back(sequence(depth));
    while (take("|"));
    return node;
  }

  Node sequence(int depth) {
    Node node{.type = Type::kSequence};
    while (!done() && peek() != '|' && peek() != ')') node.children.push_back(repeated(atom(depth)));
    return node;
  }

  Node repeated(Node node) {
    int min = 0, max = 0;
    if (take("*")) {
      min = 0, max = -1;
    } else if (take("+")) {
      min = 1, max = -1;
    } else if (take("?")) {
      min = 0, max = 1;
    } else if (!counted(min, max)) {
      return node;
    }
    take("?");  // lazy: the same names match
    int unused = 0;
    if (peek() == '*' || peek() == '+' || peek() == '?' || counted(unused, unused)) fail("multiple repeat");
    Node repeat{.type = Type::kRepeat, .min = min, .max = max};
    repeat.children.push_back(std::move(node));
    return repeat;
  }

  // {m}, {m,}, {,n}, {m,n}; another { is a literal, as in Python.
  bool counted(int& min, int& max) {
    const std::size_t start = at_;
    const auto number = [&]() -> std::optional<int> {
      std::optional<int> value;
      while (peek() >= '0' && peek() <= '9') {
        value = value.value_or(0) * 10 + (peek() - '0');
        if (*value > int(kMaxInstructions)) fail("repeated too often");
        ++at_;
      }
      return value;
    };
    if (take("{")) {
      const auto first = number();
      const bool comma = take(",");
      const auto last = comma ? number() : first;
      if ((first || comma) && take("}")) {
        min = first.value_or(0);
        max = last.value_or(-1);
        if (max >= 0 && max < min) fail("min repeat greater than max repeat");
        return true;
      }
    }
    at_ = start;
    return false;
  }

  Node atom(int depth) {
    if (take("(")) return group(depth);
    if (take("^")) return {.type = Type::kBegin};
    if (take("$")) return {.type = Type::kEnd};
    if (take("[")) return {.type = Type::kChars, .chars = bracket()};
    if (take(".")) return {.type = Type::kChars, .chars = ~chars_of("\n\n")};
    if (take("\\A")) return {.type = Type::kBegin};
    if (take("\\Z")) return {.type = Type::kEnd};
    if (take("\\")) return {.type = Type::kChars, .chars = escape()};
    if (peek() == '*' || peek() == '+' || peek() == '?') fail("nothing to repeat");
    return {.type = Type::kChars, .chars = CharSet().set(static_cast<unsigned char>(pattern_[at_++]))};
  }

  Node group(int depth) {
    Node node{.type = Type::kSequence};
    if (take("?=") || take("?!")) {
      if (looking_) fail("a lookahead in a lookahead is not known");
      looking_ = true;
      node.type = pattern_[at_ - 1] == '=' ? Type::kAhead : Type::kNotAhead;
      node.children.push_back(alternatives(depth + 1));
      looking_ = false;
    } else {
      if (peek() == '?' && !take("?:")) fail("this kind of group is not known");
      node.children.push_back(alternatives(depth + 1));
    }
    if (!take(")")) fail("missing )");
    return node;
  }

  CharSet escape() {
    if (done()) fail("bad escape at the end");
    const char c = pattern_[at_++];
    switch (c) {
      case 'd': return chars_of("09");
      case 'D': return ~chars_of("09");
      case 'w': return chars_of("azAZ09__");
      case 'W': return ~chars_of("azAZ09__");
      case 's': return chars_of("  \t\r");
      case 'S': return ~chars_of("  \t\r");
      default: break;
    }
    if (chars_of("azAZ09").test(static_cast<unsigned char>(c))) fail("this escape is not known");
    return CharSet().set(static_cast<unsigned char>(c));
  }

  CharSet bracket() {
    const bool negated = take("^");
    CharSet set;
    for (bool first = true; first || peek() != ']'; first = false) {
      if (done()) fail("missing ]");
      CharSet item = member();
      if (peek() == '-' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']') {
        ++at_;
        const CharSet last = member();
        if (item.count() != 1 || last.count() != 1 || item._Find_first() > last._Find_first()) fail("bad range");
        for (std::size_t c = item._Find_first(); c <= last._Find_first(); ++c) set.set(c);
      } else {
        set |= item;
      }
    }
    take("]");
    return negated ? ~set : set;
  }

  CharSet member() {
    if (done()) fail("missing ]");
    return take("\\") ? escape() : CharSet().set(static_cast<unsigned char>(pattern_[at_++]));
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool looking_ = false;
};

class Program {
 public:
  explicit Program(std::string_view pattern) : pattern_(pattern) {
    const Node root = Parser(pattern).parse();
    start_ = emit(root, add({.kind = Kind::kMatch}));
  }

  bool matches(std::string_view name) const { return run(start_, name, 0); }

 private:
  int add(Instruction instruction) {
    code_.push_back(instruction);
    return int(code_.size()) - 1;
  }

  // Back to front: takes where the construct continues, returns where it begins. Nested repetitions multiply,
  // also those of nothing, so calls are counted and not only instructions.
  int emit(const Node& node, int next) {
    if (++n_emitted_ > kMaxInstructions) throw Error("'re:{}': too large a pattern", pattern_);
    switch (node.type) {
      case Type::kChars: return add({.kind = Kind::kChars, .next = next, .chars = node.chars});
      case Type::kBegin: return add({.kind = Kind::kBegin, .next = next});
      case Type::kEnd: return add({.kind = Kind::kEnd, .next = next});
      case Type::kSequence:
        for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) next = emit(*child, next);
        return next;
      case Type::kAlternatives: {
        int begin = emit(node.children.back(), next);
        for (auto child = node.children.rbegin() + 1; child != node.children.rend(); ++child)
          begin = add({.kind = Kind::kSplit, .next = emit(*child, next), .other = begin});
        return begin;
      }
      case Type::kAhead:
      case Type::kNotAhead: {
        const int looked_for = emit(node.children[0], add({.kind = Kind::kMatch}));
        return add(
            {.kind = node.type == Type::kAhead ? Kind::kAhead : Kind::kNotAhead, .next = next, .other = looked_for});
      }
      case Type::kRepeat: {
        const Node& child = node.children[0];
        if (node.max < 0) {
          const int loop = add({.kind = Kind::kSplit, .next = next, .other = next});
          const int body = emit(child, loop);
          code_[std::size_t(loop)].other = body;
          next = loop;
        } else {
          const int end = next;
          for (int i = node.min; i < node.max; ++i)
            next = add({.kind = Kind::kSplit, .next = emit(child, next), .other = end});
        }
        for (int i = 0; i < node.min; ++i) next = emit(child, next);
        return next;
      }
    }
    return next;
  }

  // Adds `pc` and all that it reaches without a character to `places`; true if that includes a match.
  bool reach(int pc, std::string_view name, std::size_t at, std::vector<int>& places, std::vector<bool>& seen) const {
    std::vector<int> open = {pc};
    while (!open.empty()) {
      const int here = open.back();
      open.pop_back();
      if (seen[std::size_t(here)]) continue;
      seen[std::size_t(here)] = true;
      const Instruction& code = code_[std::size_t(here)];
      switch (code.kind) {
        case Kind::kMatch: return true;
        case Kind::kChars: places.push_back(here); break;
        case Kind::kSplit:
          open.push_back(code.next);
          open.push_back(code.other);
          break;
        case Kind::kBegin:
          if (at == 0) open.push_back(code.next);
          break;
        case Kind::kEnd:
          if (at == name.size()) open.push_back(code.next);
          break;
        case Kind::kAhead:
        case Kind::kNotAhead:
          if (run(code.other, name, at) == (code.kind == Kind::kAhead)) open.push_back(code.next);
          break;
      }
    }
    return false;
  }

  bool run(int start, std::string_view name, std::size_t at) const {
    std::vector<int> places, following;
    std::vector<bool> seen(code_.size());
    if (reach(start, name, at, places, seen)) return true;
    for (; at < name.size() && !places.empty(); ++at) {
      following.clear();
      seen.assign(code_.size(), false);
      for (const int place : places) {
        const Instruction& code = code_[std::size_t(place)];
        if (code.chars.test(static_cast<unsigned char>(name[at])) && reach(code.next, name, at + 1, following, seen))
          return true;
      }
      places.swap(following);
    }
    return false;
  }

  std::string_view pattern_;
  std::vector<Instruction> code_;
  std::size_t n_emitted_ = 0;
  int start_ = 0;
};

}  // namespace

bool matches_beginning(std::string_view pattern, std::string_view name) { return Program(pattern).matches(name); }

}  // namespace nibble::format
