#include "chat/turn/pythonic_calls.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "chat/print.h"
#include "chat/turn/json_text.h"
#include "chat/turn/numbers.h"
#include "chat/turn/python_string.h"

namespace nibble::chat::turn {
namespace {

constexpr auto kKeywords = std::to_array<std::string_view>(
    {"False", "None", "True", "and",    "as",  "assert", "async",  "await",    "break",  "class", "continue", "def",
     "del",   "elif", "else", "except", "for", "from",   "global", "if",       "import", "in",    "is",       "lambda",
     "not",   "or",   "pass", "raise",  "try", "return", "while",  "nonlocal", "with",   "yield", "finally"});

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_start(char c) { return is_letter(c) || c == '_' || (c & 0x80) != 0; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

// The members of a JSON object: of a key that comes twice the last value stays, in the first one's place.
class Members {
 public:
  // Two keys are the same where their identities are.
  void set(const std::string& identity, std::string_view key, std::string json) {
    const auto [place, is_new] = places_.emplace(identity, members_.size());
    if (is_new) members_.emplace_back(key, std::string());
    members_[place->second].second = std::move(json);
  }
  std::string json() const {
    std::string out = "{";
    for (const auto& [key, json] : members_) {
      if (out.size() > 1) out += ", ";
      append_json_string(out, key);
      out += ": " + json;
    }
    return out += '}';
  }

 private:
  std::vector<std::pair<std::string, std::string>> members_;
  std::unordered_map<std::string, std::size_t> places_;
};

// A constant, as JSON and as a dict's key.
struct Constant {
  std::string json, key, identity;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<std::vector<PythonicCall>> run() {
    std::vector<PythonicCall> calls;
    if (!take('[')) return std::nullopt;
    do {
      if (!calls.empty()) skip_space();
      std::optional<PythonicCall> one = call();
      if (!one) return std::nullopt;
      calls.push_back(*std::move(one));
      if (any_argument_) skip_space();
    } while (take(','));
    skip_space();
    if (!take(']') || at_ != text_.size()) return std::nullopt;
    return calls;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) { return peek() == c && at_ < text_.size() ? (++at_, true) : false; }
  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') at_ = std::min(text_.find('\n', at_), text_.size() - 1);
      if (std::string_view(" \t\n\r\f").find(text_[at_]) == std::string_view::npos) return;
    }
  }
  // White space is free behind the first argument of the list only: that tells a list of calls from other text.
  void skip_free_space() {
    if (any_argument_) skip_space();
  }

  std::string_view name() {
    const std::size_t begin = at_;
    if (!is_name_start(peek()) || (!any_argument_ && !is_letter(peek()))) return {};
    while (is_name(peek())) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    return std::find(kKeywords.begin(), kKeywords.end(), word) == kKeywords.end() ? word : std::string_view();
  }

  std::optional<PythonicCall> call() {
    const std::string_view function = name();
    skip_free_space();
    if (function.empty() || !take('(')) return std::nullopt;
    Members arguments;
    for (skip_free_space(); !take(')'); skip_space()) {
      const std::string key(name());
      skip_free_space();
      if (key.empty() || !take('=')) return std::nullopt;
      any_argument_ = true;
      std::optional<std::string> json = value(1);
      if (!json) return std::nullopt;
      arguments.set(key, key, *std::move(json));
      if (!take(',') && peek() != ')') return std::nullopt;
    }
    return PythonicCall{std::string(function), arguments.json()};
  }

  // White space on both sides is read with it.
  std::optional<std::string> value(int depth) {
    if (depth > kMaxArgumentDepth) return std::nullopt;
    skip_space();
    std::optional<std::string> json;
    switch (peek()) {
      case '[': json = sequence(']', depth); break;
      case '(': json = sequence(')', depth); break;
      case '{': json = dict_or_set(depth); break;
      default:
        if (std::optional<Constant> one = constant()) json = std::move(one->json);
    }
    skip_space();
    return json;
  }

  // A list or a tuple. One value in parentheses without a comma is that value.
  std::optional<std::string> sequence(char close, int depth) {
    ++at_;
    std::string out = "[";
    std::size_t n = 0;
    bool comma = true;
    for (skip_space(); !take(close); ++n) {
      if (!comma) return std::nullopt;
      const std::optional<std::string> item = value(depth + 1);
      if (!item) return std::nullopt;
      comma = take(',');
      skip_space();
      if (close == ')' && n == 0 && !comma) return take(close) ? item : std::nullopt;
      if (n > 0) out += ", ";
      out += *item;
    }
    return out += ']';
  }

  std::optional<std::string> dict_or_set(int depth) {
    ++at_;
    skip_space();
    if (take('}')) return "{}";
    Members members;
    std::string set = "[";
    std::unordered_set<std::string> in_set;
    bool is_set = false, first = true;
    do {
      skip_space();
      if (!first && peek() == '}') break;
      const std::optional<Constant> key = constant();
      skip_space();
      if (!key) return std::nullopt;
      const bool is_pair = take(':');
      if (first) is_set = !is_pair;
      if (is_set == is_pair) return std::nullopt;
      if (is_pair) {
        std::optional<std::string> json = value(depth + 1);
        if (!json) return std::nullopt;
        members.set(key->identity, key->key, *std::move(json));
      } else if (in_set.insert(key->identity).second) {
        if (!first) set += ", ";
        set += key->json;
      }
      first = false;
    } while (take(','));
    if (!take('}')) return std::nullopt;
    return is_set ? set + ']' : members.json();
  }

  std::optional<Constant> constant() {
    std::string text;
    bool is_string = false;
    // Strings in a row are one.
    for (std::size_t behind = at_;; behind = at_) {
      std::optional<std::string> part = read_python_string(text_, behind);
      if (!part) break;
      text += *part;
      is_string = true;
      at_ = behind;
      skip_space();
    }
    if (is_string) {
      Constant one{.json = {}, .key = text, .identity = '"' + text};
      append_json_string(one.json, text);
      return one;
    }
    for (const auto& [word, json] : {std::pair{"None", "null"},
                                     {"True", "true"},
                                     {"False", "false"},
                                     {"null", "null"},
                                     {"true", "true"},
                                     {"false", "false"}}) {
      const std::string_view rest = text_.substr(at_);
      const std::size_t size = std::string_view(word).size();
      if (!rest.starts_with(word) || (rest.size() > size && is_name(rest[size]))) continue;
      at_ += size;
      // To Python, True is 1.
      return Constant{json, json, *json == 't' ? "1" : *json == 'f' ? "0" : "None"};
    }
    return number();
  }

  std::optional<Constant> number() {
    const bool negative = take('-');
    if (!negative) take('+');
    skip_space();
    std::size_t end = at_;
    while (end < text_.size() && (is_name(text_[end]) || text_[end] == '.' || is_exponent_sign(end))) ++end;
    const std::string_view source = text_.substr(at_, end - at_);
    if (source.empty() || !(is_digit(source[0]) || source[0] == '.')) return std::nullopt;
    at_ = end;
    std::optional<std::string> json = integer(source);
    if (!json) json = real(source);
    if (!json) return std::nullopt;
    const std::string identity = json->ends_with(".0") ? json->substr(0, json->size() - 2) : *json;
    if (negative && *json != "0") json->insert(0, "-");
    return Constant{*json, *json, negative ? '-' + identity : identity};
  }
  bool is_exponent_sign(std::size_t at) const {
    return (text_[at] == '+' || text_[at] == '-') && at > at_ && (text_[at - 1] | 0x20) == 'e' &&
           !text_.substr(at_).starts_with("0x") && !text_.substr(at_).starts_with("0X");
  }

  static std::optional<std::string> integer(std::string_view source) {
    const char form = source.size() > 2 && source[0] == '0' ? char(source[1] | 0x20) : '\0';
    const int base = form == 'x' ? 16 : form == 'o' ? 8 : form == 'b' ? 2 : 10;
    if (base == 10) {
      const bool padded = source[0] == '0' && source.find_first_not_of("0_") != std::string_view::npos;
      return padded ? std::nullopt : python_integer(source);
    }
    std::string digits(source.substr(2));
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return std::to_string(value);
  }

  static std::optional<std::string> real(std::string_view source) {
    if (source.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
    if (!python_number(source)) {
      // More than a double holds is still a number to JSON.
      return is_overflow(source) ? std::optional<std::string>("1e999") : std::nullopt;
    }
    std::string digits(source);
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    return print_float(std::strtod(digits.c_str(), nullptr));
  }
  static bool is_overflow(std::string_view source) {
    char* end = nullptr;
    const std::string digits(source);
    return is_digit(source[0]) && source.find_first_of("xX_") == std::string_view::npos &&
           std::isinf(std::strtod(digits.c_str(), &end)) && *end == '\0';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool any_argument_ = false;
};

}  // namespace

std::optional<std::vector<PythonicCall>> parse_pythonic_calls(std::string_view text) { return Parser(text).run(); }

}  // namespace nibble::chat::turn
