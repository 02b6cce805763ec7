#include "chat/unicode.h"

#include <algorithm>

#include "chat/unicode_tables.h"

namespace nibble::chat {
namespace {

template <typename Run>
const Run* find_run(const Run* runs, std::size_t n, char32_t c) {
  // Runs of different strides may interleave, so a few before the nearest one are looked at as well.
  const Run* after = std::upper_bound(runs, runs + n, c, [](char32_t x, const Run& run) { return x < run.first; });
  for (const Run* run = after; run != runs && after - run < 8;) {
    --run;
    if (c <= run->last && (c - run->first) % run->stride == 0) return run;
  }
  return nullptr;
}

const tables::LongCase* find_long(const tables::LongCase* rows, std::size_t n, char32_t c) {
  const tables::LongCase* row =
      std::lower_bound(rows, rows + n, c, [](const tables::LongCase& r, char32_t x) { return r.from < x; });
  return row != rows + n && row->from == c ? row : nullptr;
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return char32_t(static_cast<unsigned char>(text[i])); };
  const char32_t lead = byte(at);
  if (lead < 0x80) return ++at, lead;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > text.size()) return at = text.size(), U'\ufffd';
  char32_t c = lead & (0xff >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (byte(at + i) & 0x3f);
  at += length;
  return c;
}

std::size_t previous_boundary(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

std::size_t encode_utf8(char32_t c, char (&out)[4]) {
  if (c < 0x80) return out[0] = char(c), 1;
  if (c < 0x800) return out[0] = char(0xc0 | c >> 6), out[1] = char(0x80 | (c & 0x3f)), 2;
  if (c < 0x10000) {
    out[0] = char(0xe0 | c >> 12), out[1] = char(0x80 | (c >> 6 & 0x3f)), out[2] = char(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = char(0xf0 | c >> 18), out[1] = char(0x80 | (c >> 12 & 0x3f));
  out[2] = char(0x80 | (c >> 6 & 0x3f)), out[3] = char(0x80 | (c & 0x3f));
  return 4;
}

std::size_t count_code_points(std::string_view text) {
  return std::size_t(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t byte_of_code_point(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (index == 0) return at;
    --index;
  }
  return text.size();
}

std::size_t find_invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) return i;
    const unsigned second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second > 0x8f))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

bool is(char32_t c, CharClass wanted) {
  using namespace tables;
  switch (wanted) {
    case CharClass::kSpace:
      return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
             (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
    case CharClass::kLineBreak:
      return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    case CharClass::kAlpha:
      if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      return find_run(k_alpha, k_alpha_count, c) != nullptr;
    case CharClass::kDecimal: return find_run(k_decimal, k_decimal_count, c) != nullptr;
    case CharClass::kDigit: return find_run(k_digit, k_digit_count, c) != nullptr;
    case CharClass::kNumeric: return find_run(k_numeric, k_numeric_count, c) != nullptr;
    case CharClass::kAlphanumeric:
      return is(c, CharClass::kAlpha) || is(c, CharClass::kDecimal) || is(c, CharClass::kDigit) ||
             is(c, CharClass::kNumeric);
    case CharClass::kUpper:
      if (c < 0x80) return c >= 'A' && c <= 'Z';
      return find_run(k_upper, k_upper_count, c) != nullptr;
    case CharClass::kLower:
      if (c < 0x80) return c >= 'a' && c <= 'z';
      return find_run(k_lower, k_lower_count, c) != nullptr;
    case CharClass::kTitle: return find_run(k_title, k_title_count, c) != nullptr;
    case CharClass::kPrintable:
      if (c < 0x80) return c >= 0x20 && c < 0x7f;
      return find_run(k_unprintable, k_unprintable_count, c) == nullptr;
    case CharClass::kCaseIgnorable: return find_run(k_case_ignorable, k_case_ignorable_count, c) != nullptr;
  }
  return false;
}

Cased to_case(char32_t c, Case target) {
  using namespace tables;
  if (c < 0x80) {
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if (lower && (target == Case::kUpper || target == Case::kTitle)) return {{c - 32}, 1};
    if (upper && (target == Case::kLower || target == Case::kFold)) return {{c + 32}, 1};
    return {{c}, 1};
  }
  struct Tables {
    const CaseRun* runs;
    std::size_t n_runs;
    const LongCase* longs;
    std::size_t n_longs;
  };
  const Tables all[] = {{k_to_upper, k_to_upper_count, k_to_upper_long, k_to_upper_long_count},
                        {k_to_lower, k_to_lower_count, k_to_lower_long, k_to_lower_long_count},
                        {k_to_title, k_to_title_count, k_to_title_long, k_to_title_long_count},
                        {k_to_fold, k_to_fold_count, k_to_fold_long, k_to_fold_long_count}};
  const Tables& t = all[std::size_t(target)];
  if (const LongCase* row = find_long(t.longs, t.n_longs, c)) {
    Cased result{{row->to[0], row->to[1], row->to[2]}, 3};
    while (result.points[result.count - 1] == 0) --result.count;
    return result;
  }
  if (const CaseRun* run = find_run(t.runs, t.n_runs, c)) return {{char32_t(std::int64_t(c) + run->delta)}, 1};
  return {{c}, 1};
}

}  // namespace nibble::chat
