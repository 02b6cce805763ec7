#include "chat/turn/json_text.h"

#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chat/print.h"
#include "chat/unicode.h"

namespace nibble::chat::turn {
namespace {

constexpr std::size_t kMaxIntegerDigits = 4300;  // as Python's int()

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Canonical {
 public:
  explicit Canonical(std::string_view text) : text_(text) {}

  std::optional<std::string> run() {
    std::string out;
    if (!value(out, 0)) return std::nullopt;
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return out;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(std::string_view literal) {
    if (!text_.substr(at_).starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }

  bool value(std::string& out, int depth) {
    skip_space();
    switch (peek()) {
      case '{': return depth <= kMaxArgumentDepth && object(out, depth);
      case '[': return depth <= kMaxArgumentDepth && array(out, depth);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        append_json_string(out, text);
        return true;
      }
      default: break;
    }
    for (const std::string_view literal : {"true", "false", "null"}) {
      if (!take(literal)) continue;
      out += literal;
      return true;
    }
    return number(out);
  }

  bool array(std::string& out, int depth) {
    ++at_;
    out += '[';
    skip_space();
    if (take("]")) {
      out += ']';
      return true;
    }
    while (true) {
      if (!value(out, depth + 1)) return false;
      skip_space();
      if (take("]")) break;
      if (!take(",")) return false;
      out += ", ";
    }
    out += ']';
    return true;
  }

  bool object(std::string& out, int depth) {
    std::vector<std::pair<std::string, std::string>> members;
    std::unordered_map<std::string, std::size_t> places;
    ++at_;
    skip_space();
    for (bool more = !take("}"); more;) {
      std::string key, item;
      skip_space();
      if (!string(key)) return false;
      skip_space();
      if (!take(":") || !value(item, depth + 1)) return false;
      const auto [place, is_new] = places.emplace(key, members.size());
      if (is_new) {
        members.emplace_back(std::move(key), std::move(item));
      } else {
        members[place->second].second = std::move(item);
      }
      skip_space();
      more = !take("}");
      if (more && !take(",")) return false;
    }
    std::string_view separator = "{";
    if (members.empty()) out += separator;
    for (const auto& [key, item] : members) {
      out += std::exchange(separator, ", ");
      append_json_string(out, key);
      out += ": ";
      out += item;
    }
    out += '}';
    return true;
  }

  bool number(std::string& out) {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const std::size_t digits = at_;
    while (is_digit(peek())) ++at_;
    const std::size_t n_digits = at_ - digits;
    if (n_digits == 0 || (n_digits > 1 && text_[digits] == '0')) return false;
    bool real = false;
    if (peek() == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) {
      real = true;
      for (++at_; is_digit(peek());) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      std::size_t exponent = at_ + 1;
      if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
      if (exponent < text_.size() && is_digit(text_[exponent])) {
        real = true;
        for (at_ = exponent; is_digit(peek());) ++at_;
      }
    }
    const std::string number(text_.substr(begin, at_ - begin));
    if (real) {
      const double parsed = std::strtod(number.c_str(), nullptr);
      if (!std::isfinite(parsed)) return false;
      out += print_float(parsed);
      return true;
    }
    if (n_digits > kMaxIntegerDigits) return false;
    out += number == "-0" ? "0" : number;
    return true;
  }

  std::optional<char32_t> hex4() {
    char32_t c = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(char(peek() | (is_digit(peek()) ? 0 : 0x20)));
      if (at_ >= text_.size() || digit == std::string_view::npos) return std::nullopt;
      c = c * 16 + char32_t(digit);
    }
    return c;
  }

  bool escape(std::string& out) {
    const char c = peek();
    ++at_;
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (const std::size_t found = kFrom.find(c); found != std::string_view::npos) {
      out += kTo[found];
      return true;
    }
    if (c != 'u') return false;
    std::optional<char32_t> point = hex4();
    if (!point || (*point >= 0xdc00 && *point < 0xe000)) return false;
    if (*point >= 0xd800 && *point < 0xdc00) {
      if (!take("\\u")) return false;
      const std::optional<char32_t> low = hex4();
      if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
    }
    char bytes[4];
    out.append(bytes, encode_utf8(*point, bytes));
    return true;
  }

  bool string(std::string& out) {
    if (!take("\"")) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (at_ >= text_.size() || !escape(out)) {
        return false;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

void append_json_characters(std::string& out, std::string_view text) {
  static constexpr std::string_view kFrom = "\"\\\n\r\t\b\f", kTo = "\"\\nrtbf";
  for (const char c : text) {
    if (const std::size_t found = kFrom.find(c); found != std::string_view::npos) {
      out += '\\';
      out += kTo[found];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", unsigned(c));
    } else {
      out += c;
    }
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_json_characters(out, text);
  out += '"';
}

std::optional<std::string> canonical_json(std::string_view text) { return Canonical(text).run(); }

}  // namespace nibble::chat::turn
