#include "grammar/regex_parser.h"

#include <optional>
#include <string>

#include "base/error.h"

namespace nibble::grammar {
namespace {

using Type = RegexNode::Type;

const CharacterSet& digits() {
  static const CharacterSet set{{'0', '9'}};
  return set;
}
const CharacterSet& word() {
  static const CharacterSet set{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}
const CharacterSet& space() {  // ECMA-262's WhiteSpace and LineTerminator
  static const CharacterSet set{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                                {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return set;
}
const CharacterSet& any() {
  static const CharacterSet set = CharacterSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.complement();
  return set;
}

bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
int hex_value(char32_t c) {
  if (is_digit(c)) return int(c - '0');
  if (c >= 'a' && c <= 'f') return int(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return int(c - 'A' + 10);
  return -1;
}

class Parser {
 public:
  Parser(std::string_view pattern, std::string_view place) : place_(place), pattern_(code_points(pattern)) {}

  RegexNode parse() {
    RegexNode node = alternatives(0);
    if (!done()) fail("unmatched )");
    return node;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw Error("{}: regular expression, character {}: {}", place_, at_ + 1, why);
  }
  bool done() const { return at_ >= pattern_.size(); }
  char32_t peek(std::size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : 0; }
  bool take(std::u32string_view text) {
    if (!std::u32string_view(pattern_).substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  RegexNode alternatives(std::size_t depth) {
    if (depth > kLimits.pattern_depth) fail("groups nested too deeply");
    RegexNode node{.type = Type::kAlternatives};
    do node.children.push_back(sequence(depth));
    while (take(U"|"));
    return node;
  }

  RegexNode sequence(std::size_t depth) {
    RegexNode node{.type = Type::kSequence};
    while (!done() && peek() != '|' && peek() != ')') node.children.push_back(repeated(atom(depth)));
    return node;
  }

  RegexNode repeated(RegexNode node) {
    std::uint32_t min = 0, max = 0;
    if (!quantifier(min, max)) return node;
    if (node.type == Type::kBegin || node.type == Type::kEnd) fail("an anchor is repeated");
    take(U"?");  // lazy: the same texts match
    std::uint32_t unused = 0;
    if (quantifier(unused, unused)) fail("a quantifier follows a quantifier");
    RegexNode repeat{.type = Type::kRepeat, .min = min, .max = max};
    repeat.children.push_back(std::move(node));
    return repeat;
  }

  bool quantifier(std::uint32_t& min, std::uint32_t& max) {
    if (take(U"*")) return min = 0, max = RegexNode::kNoBound, true;
    if (take(U"+")) return min = 1, max = RegexNode::kNoBound, true;
    if (take(U"?")) return min = 0, max = 1, true;
    if (!take(U"{")) return false;
    const std::optional<std::uint32_t> first = number();
    if (!first) fail("expected a number behind {");
    const bool comma = take(U",");
    const std::optional<std::uint32_t> last = comma ? number() : first;
    if (!take(U"}")) fail("expected }");
    min = *first;
    max = last.value_or(RegexNode::kNoBound);
    if (max < min) fail("the bounds of a quantifier are out of order");
    return true;
  }

  std::optional<std::uint32_t> number() {
    std::optional<std::uint32_t> value;
    for (; is_digit(peek()); ++at_) {
      value = value.value_or(0) * 10 + std::uint32_t(peek() - '0');
      if (*value > kLimits.repetitions) fail("repeated too often");
    }
    return value;
  }

  static RegexNode characters(CharacterSet set) { return {.type = Type::kCharacters, .characters = std::move(set)}; }

  RegexNode atom(std::size_t depth) {
    if (take(U"(")) return group(depth);
    if (take(U"^")) return {.type = Type::kBegin};
    if (take(U"$")) return {.type = Type::kEnd};
    if (take(U"[")) return characters(bracket());
    if (take(U".")) return characters(any());
    if (take(U"\\")) return characters(escape(false));
    const char32_t c = peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') fail("nothing to repeat");
    if (c == '}' || c == ']') fail("an unmatched bracket; to match it, put \\ before it");
    ++at_;
    return characters({{c, c}});
  }

  RegexNode group(std::size_t depth) {
    if (take(U"?=") || take(U"?!") || take(U"?<=") || take(U"?<!")) fail("lookaround is not supported");
    if (take(U"?<")) {
      while (peek() != '>') {
        if (done() || peek() == ')') fail("a group's name does not end");
        ++at_;
      }
      ++at_;
    } else if (peek() == '?' && !take(U"?:")) {
      fail("this kind of group is not supported");
    }
    RegexNode node = alternatives(depth + 1);
    if (!take(U")")) fail("missing )");
    return node;
  }

  // Behind a backslash.
  CharacterSet escape(bool in_class) {
    if (done()) fail("a backslash at the end");
    const char32_t c = pattern_[at_++];
    switch (c) {
      case 'd': return digits();
      case 'D': return digits().complement();
      case 'w': return word();
      case 'W': return word().complement();
      case 's': return space();
      case 'S': return space().complement();
      case 't': return {{'\t', '\t'}};
      case 'n': return {{'\n', '\n'}};
      case 'v': return {{'\v', '\v'}};
      case 'f': return {{'\f', '\f'}};
      case 'r': return {{'\r', '\r'}};
      case 'x': return single(hex(2));
      case 'u': return single(unicode());
      case 'c':
        if (!is_letter(peek())) fail("expected a letter behind \\c");
        return single(pattern_[at_++] % 32);
      case 'b':
        if (in_class) return {{'\b', '\b'}};
        fail("\\b is not supported");
      case 'B': fail("\\B is not supported");
      case 'p':
      case 'P': fail("\\p{} is not supported");
      case 'k': fail("back-references are not supported");
      default: break;
    }
    if (c == '0' && !is_digit(peek())) return single(0);
    if (is_digit(c)) fail("back-references are not supported");
    if (is_letter(c)) fail("this escape is not known");
    return single(c);
  }

  static CharacterSet single(char32_t c) { return {{c, c}}; }

  char32_t hex(int n) {
    char32_t value = 0;
    for (int i = 0; i < n; ++i, ++at_) {
      if (hex_value(peek()) < 0) fail("expected a hexadecimal digit");
      value = value * 16 + char32_t(hex_value(peek()));
    }
    return value;
  }

  char32_t unicode() {
    if (take(U"{")) {
      char32_t value = 0;
      if (peek() == '}') fail("expected a hexadecimal digit");
      for (; hex_value(peek()) >= 0; ++at_) {
        value = value * 16 + char32_t(hex_value(peek()));
        if (value > kLastCharacter) fail("there is no such character");
      }
      if (!take(U"}")) fail("expected }");
      return value;
    }
    const char32_t high = hex(4);
    if (high < 0xD800 || high > 0xDBFF || !take(U"\\u")) return high;
    const char32_t low = hex(4);
    if (low < 0xDC00 || low > 0xDFFF) fail("half a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  CharacterSet bracket() {
    const bool negated = take(U"^");
    CharacterSet set;
    while (!take(U"]")) {
      const CharacterSet first = member();
      if (peek() == '-' && peek(1) != ']' && peek(1) != 0) {
        ++at_;
        const CharacterSet last = member();
        if (!is_single(first) || !is_single(last)) fail("a range needs a character at either end");
        if (first.ranges()[0].first > last.ranges()[0].first) fail("a range is out of order");
        set.add(first.ranges()[0].first, last.ranges()[0].first);
      } else {
        set.add(first);
      }
    }
    set.settle();
    return negated ? set.complement() : set;
  }

  static bool is_single(const CharacterSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
  }

  CharacterSet member() {
    if (done()) fail("missing ]");
    if (take(U"\\")) return escape(true);
    return single(pattern_[at_++]);
  }

  std::string_view place_;
  std::u32string pattern_;
  std::size_t at_ = 0;
};

}  // namespace

RegexNode parse_regex_tree(std::string_view pattern, std::string_view place) { return Parser(pattern, place).parse(); }

}  // namespace nibble::grammar
