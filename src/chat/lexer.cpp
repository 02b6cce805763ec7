#include "chat/lexer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/error.h"
#include "chat/unicode.h"

namespace nibble::chat {

void fail_at(const std::string& source, int line, const std::string& message) {
  throw Error("{}: line {}: {}", source, line, message);
}

std::string normalize_newlines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      result += text[i];
    } else {
      result += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    }
  }
  if (result.ends_with('\n')) result.pop_back();
  return result;
}

namespace {

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is(next_code_point(text, next), CharClass::kSpace)) break;
    at = next;
  }
  return at;
}

std::string_view strip_right(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = previous_boundary(text, end), after = begin;
    if (!is(next_code_point(text, after), CharClass::kSpace)) break;
    end = begin;
  }
  return text.substr(0, end);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view raw, const std::string& source) : source_(source), text_(normalize_newlines(raw)) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) read_text();
    push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { fail_at(source_, line_, message); }
  bool starts(std::string_view what) const { return std::string_view(text_).substr(at_).starts_with(what); }
  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  void advance(std::size_t to) {
    line_ += int(std::count(text_.begin() + std::ptrdiff_t(at_), text_.begin() + std::ptrdiff_t(to), '\n'));
    if (to > at_) line_starting_ = text_[to - 1] == '\n';
    at_ = to;
  }

  // Text before a tag whose sign is '-', '+' or 0; `tag` is where the tag starts.
  std::string_view trimmed(std::size_t tag, char sign, bool is_print) const {
    const std::string_view text = std::string_view(text_).substr(at_, tag - at_);
    if (sign == '-') return strip_right(text);
    if (sign == '+' || is_print) return text;
    const std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    if ((line > 0 || line_starting_) && skip_space(text, line) == text.size()) return text.substr(0, line);
    return text;
  }

  char sign_at(std::size_t at) const {
    return at < text_.size() && (text_[at] == '-' || text_[at] == '+') ? text_[at] : '\0';
  }

  void read_text() {
    std::size_t tag = at_;
    for (;; ++tag) {
      tag = text_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= text_.size()) {
        push(TokenKind::kText, text_.substr(at_));
        return advance(text_.size());
      }
      if (text_[tag + 1] == '%' || text_[tag + 1] == '{' || text_[tag + 1] == '#') break;
    }
    const char type = text_[tag + 1];
    const char sign = sign_at(tag + 2);
    const std::string_view before = trimmed(tag, sign, type == '{');
    if (!before.empty()) push(TokenKind::kText, std::string(before));
    const std::size_t inside = tag + 2 + (sign != '\0' ? 1 : 0);
    if (type == '%') {
      if (const std::size_t body = word_tag(inside, "raw", /*trim_newline=*/false); body != 0) {
        advance(body);
        return read_raw();
      }
    }
    advance(inside);
    if (type == '#') return read_comment();
    read_tag(type == '{');
  }

  // Where the tag "WORD %}" ends whose inside starts at `at`; 0 if it is another tag.
  std::size_t word_tag(std::size_t at, std::string_view word, bool trim_newline) const {
    const std::string_view text = text_;
    at = skip_space(text, at);
    if (!text.substr(at).starts_with(word)) return 0;
    at = skip_space(text, at + word.size());
    if (text.substr(at).starts_with("-%}")) return skip_space(text, at + 3);
    if (trim_newline && text.substr(at).starts_with("+%}")) return at + 3;
    if (!text.substr(at).starts_with("%}")) return 0;
    at += 2;
    return trim_newline && at < text.size() && text[at] == '\n' ? at + 1 : at;
  }

  void read_raw() {
    for (std::size_t tag = text_.find("{%", at_); tag != std::string::npos; tag = text_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      const std::size_t end = word_tag(tag + 2 + (sign != '\0' ? 1 : 0), "endraw", /*trim_newline=*/true);
      if (end == 0) continue;
      push(TokenKind::kText, std::string(trimmed(tag, sign, false)));
      return advance(end);
    }
    fail("{% raw %} is not closed: expected {% endraw %}");
  }

  void read_comment() {
    const std::size_t end = text_.find("#}", at_);
    if (end == std::string::npos) fail("comment is not closed: expected #}");
    // The sign before "#}" belongs to the tag only if it is not the sign behind "{#".
    const char sign = end > at_ ? text_[end - 1] : '\0';
    std::size_t next = end + 2;
    if (sign == '-') {
      next = skip_space(text_, next);
    } else if (sign != '+' && next < text_.size() && text_[next] == '\n') {
      ++next;
    }
    advance(next);
  }

  bool read_end(bool print) {
    const std::string_view close = print ? "}}" : "%}";
    const char sign = sign_at(at_);
    const bool signed_close = sign != '\0' && std::string_view(text_).substr(at_ + 1).starts_with(close);
    if (!starts(close) && !(signed_close && (sign == '-' || !print))) return false;
    push(print ? TokenKind::kPrintEnd : TokenKind::kBlockEnd, "");
    std::size_t next = at_ + (signed_close ? 3 : 2);
    if (signed_close && sign == '-') {
      next = skip_space(text_, next);
    } else if (!signed_close && !print && next < text_.size() && text_[next] == '\n') {
      ++next;
    }
    advance(next);
    return true;
  }

  void read_tag(bool print) {
    const int opened = line_;
    push(print ? TokenKind::kPrintBegin : TokenKind::kBlockBegin, "");
    std::string open;  // the brackets that are open: the tag cannot end inside them
    while (true) {
      if (open.empty() && read_end(print)) return;
      if (const std::size_t next = skip_space(text_, at_); next != at_) {
        advance(next);
        continue;
      }
      if (at_ >= text_.size())
        fail_at(source_, opened, print ? "{{ is not closed: expected }}" : "{% is not closed: expected %}");
      if (is_digit(text_[at_])) {
        read_number();
      } else if (text_[at_] == '\'' || text_[at_] == '"') {
        read_string();
      } else if (!read_name()) {
        read_operator(open);
      }
    }
  }

  // Digits with single underscores between them, from `at`; returns where they end.
  template <typename IsDigit>
  std::size_t digits(std::size_t at, IsDigit is_valid) const {
    std::size_t end = at;
    while (end < text_.size()) {
      if (is_valid(text_[end])) {
        ++end;
      } else if (text_[end] == '_' && end > at && end + 1 < text_.size() && is_valid(text_[end + 1])) {
        end += 2;
      } else {
        break;
      }
    }
    return end;
  }

  void read_number() {
    // A float has a fraction, an exponent or both; a number behind a dot (a.1.2) is an index.
    std::size_t end = digits(at_, is_digit);
    bool real = false;
    if (at_ == 0 || text_[at_ - 1] != '.') {
      if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) {
        end = digits(end + 1, is_digit);
        real = true;
      }
      if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
        const std::size_t sign = end + 1 < text_.size() && (text_[end + 1] == '-' || text_[end + 1] == '+') ? 1 : 0;
        if (end + 1 + sign < text_.size() && is_digit(text_[end + 1 + sign])) {
          end = digits(end + 1 + sign, is_digit);
          real = true;
        }
      }
    }
    if (real) {
      std::string number = text_.substr(at_, end - at_);
      std::erase(number, '_');
      push(TokenKind::kFloat, "");
      tokens_.back().real = std::strtod(number.c_str(), nullptr);
      return advance(end);
    }
    read_integer();
  }

  void read_integer() {
    int base = 10;
    std::size_t begin = at_;
    std::size_t end = 0;
    const auto based = [&](char small, int wanted, auto valid) {
      if (end != 0 || at_ + 1 >= text_.size() || text_[at_] != '0' || (text_[at_ + 1] | 0x20) != small) return;
      const std::size_t first = at_ + 2 + (at_ + 2 < text_.size() && text_[at_ + 2] == '_' ? 1 : 0);
      const std::size_t last = digits(first, valid);
      if (last > first) begin = first, end = last, base = wanted;
    };
    based('b', 2, [](char c) { return c == '0' || c == '1'; });
    based('o', 8, [](char c) { return c >= '0' && c <= '7'; });
    based('x', 16, [](char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); });
    if (end == 0) end = text_[at_] == '0' ? digits(at_, [](char c) { return c == '0'; }) : digits(at_, is_digit);
    Int value = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (text_[i] == '_') continue;
      const int digit = is_digit(text_[i]) ? text_[i] - '0' : (text_[i] | 0x20) - 'a' + 10;
      if (__builtin_mul_overflow(value, Int(base), &value) || __builtin_add_overflow(value, Int(digit), &value))
        fail("integer is too large");
    }
    push(TokenKind::kInteger, text_.substr(at_, end - at_));
    tokens_.back().integer = value;
    advance(end);
  }

  bool read_name() {
    std::size_t end = at_;
    while (end < text_.size()) {
      std::size_t next = end;
      const char32_t c = next_code_point(text_, next);
      if (c != '_' && !is(c, CharClass::kAlphanumeric)) break;
      end = next;
    }
    if (end == at_) return false;
    push(TokenKind::kName, text_.substr(at_, end - at_));
    advance(end);
    return true;
  }

  void read_operator(std::string& open) {
    static constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                      "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                      ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (const std::string_view op : kOperators) {
      if (!starts(op)) continue;
      if (op == "(" || op == "[" || op == "{") {
        open += op == "(" ? ')' : op == "[" ? ']' : '}';
      } else if (op == ")" || op == "]" || op == "}") {
        if (open.empty()) fail("unexpected '" + std::string(op) + "'");
        if (open.back() != op[0])
          fail("unexpected '" + std::string(op) + "', expected '" + std::string(1, open.back()) + "'");
        open.pop_back();
      }
      push(TokenKind::kOperator, std::string(op));
      return advance(at_ + op.size());
    }
    std::size_t next = at_;
    next_code_point(text_, next);
    fail("unexpected character '" + text_.substr(at_, next - at_) + "'");
  }

  void read_string() {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) fail("string is not closed: expected " + std::string(1, quote));
    push(TokenKind::kString, unescape(std::string_view(text_).substr(at_ + 1, end - at_ - 1)));
    advance(end + 1);
  }

  std::string unescape(std::string_view raw) const {
    std::string result;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\' || i + 1 == raw.size()) {
        result += raw[i];
        continue;
      }
      const char c = raw[++i];
      static constexpr std::string_view kPlain = "\\'\"abfnrtv", kMeaning = "\\'\"\a\b\f\n\r\t\v";
      if (const std::size_t known = kPlain.find(c); known != std::string_view::npos) {
        result += kMeaning[known];
      } else if (c == '\n') {
        continue;  // a line break behind a backslash is no text
      } else if (c >= '0' && c <= '7') {
        char32_t value = 0;
        std::size_t n = 0;
        for (; n < 3 && i + n < raw.size() && raw[i + n] >= '0' && raw[i + n] <= '7'; ++n)
          value = value * 8 + char32_t(raw[i + n] - '0');
        i += n - 1;
        append(result, value);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        std::uint32_t value = 0;
        const char* first = raw.data() + std::min(i + 1, raw.size());
        const char* last = raw.data() + std::min(i + 1 + n, raw.size());
        const auto [read, error] = std::from_chars(first, last, value, 16);
        if (error != std::errc() || read != last || std::size_t(last - first) != n)
          fail("string escape \\" + std::string(1, c) + " needs " + std::to_string(n) + " hexadecimal digits");
        append(result, value);
        i += n;
      } else if (c == 'N') {
        fail("string escape \\N is not supported: write the character itself");
      } else {
        result += '\\';
        result += c;
      }
    }
    return result;
  }

  void append(std::string& out, char32_t c) const {
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) fail("string escape is no Unicode character");
    char buffer[4];
    out.append(buffer, encode_utf8(c, buffer));
  }

  const std::string& source_;
  std::string text_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, const std::string& source) {
  if (text.size() > kMaxTemplateBytes)
    throw Error("{}: a template has at most {} bytes, found {}", source, kMaxTemplateBytes, text.size());
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos)
    throw Error("{}: byte {}: not valid UTF-8", source, bad);
  return Lexer(text, source).run();
}

}  // namespace nibble::chat
