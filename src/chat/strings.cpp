#include "chat/strings.h"

#include "chat/print.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

const std::string& bytes_of(const Value& value, const char* what) {
  if (!value.is_string()) fail("{} must be a string, found {}", what, type_name(value));
  return value.text().bytes;
}

bool has_character(std::string_view set, char32_t c) {
  for (std::size_t at = 0; at < set.size();)
    if (next_code_point(set, at) == c) return true;
  return false;
}

Value piece(Heap& heap, const Text& text, std::size_t begin, std::size_t end) {
  heap.step();
  return heap.string(substring(heap, text, begin, end));
}

void append_cased(TextBuilder& out, char32_t c, Case target, bool data) {
  const Cased cased = to_case(c, target);
  for (int i = 0; i < cased.count; ++i) out.append_code_point(cased.points[i], data);
}

// A capital sigma at the end of a word becomes another small letter than one inside it.
bool is_final_sigma(std::string_view text, std::size_t begin, std::size_t end) {
  const auto cased = [](char32_t c) {
    return is(c, CharClass::kUpper) || is(c, CharClass::kLower) || is(c, CharClass::kTitle);
  };
  bool before = false;
  for (std::size_t at = begin, steps = 0; at > 0 && steps < 256; ++steps) {
    at = previous_boundary(text, at);
    std::size_t next = at;
    const char32_t c = next_code_point(text, next);
    if (is(c, CharClass::kCaseIgnorable)) continue;
    before = cased(c);
    break;
  }
  if (!before) return false;
  for (std::size_t at = end, steps = 0; at < text.size() && steps < 256; ++steps) {
    const char32_t c = next_code_point(text, at);
    if (!is(c, CharClass::kCaseIgnorable)) return !cased(c);
  }
  return true;
}

void append_lower(TextBuilder& out, const Text& text, std::size_t begin, std::size_t end, char32_t c) {
  if (c == 0x3a3) {
    out.append_code_point(is_final_sigma(text.bytes, begin, end) ? 0x3c2 : 0x3c3, text.is_data(begin));
  } else {
    append_cased(out, c, Case::kLower, text.is_data(begin));
  }
}

template <typename Append>
Value map_characters(Heap& heap, const Text& text, Append append) {
  TextBuilder out(heap);
  heap.step(text.bytes.size() / 8);
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text.bytes, at);
    append(out, begin, at, c);
  }
  return heap.string(out.take());
}

}  // namespace

Value strip(Heap& heap, const Value& string, const Value& characters, Side side) {
  const Text& text = string.text();
  const bool space = characters.is_missing() || characters.is_none();
  const std::string_view set = space ? std::string_view() : bytes_of(characters, "the characters to strip");
  heap.step(1 + (text.bytes.size() * (set.size() + 1)) / 64);
  const auto unwanted = [&](char32_t c) { return space ? is(c, CharClass::kSpace) : has_character(set, c); };
  std::size_t begin = 0, end = text.bytes.size();
  while (side != Side::kRight && begin < end) {
    std::size_t next = begin;
    if (!unwanted(next_code_point(text.bytes, next))) break;
    begin = next;
  }
  while (side != Side::kLeft && end > begin) {
    const std::size_t last = previous_boundary(text.bytes, end);
    std::size_t next = last;
    if (!unwanted(next_code_point(text.bytes, next))) break;
    end = last;
  }
  return heap.string(substring(heap, text, begin, end), string.get<String>().markup);
}

std::vector<Value> split(Heap& heap, const Text& text, const Value& separator, std::int64_t limit) {
  std::vector<Value> parts;
  const std::string& bytes = text.bytes;
  const auto more = [&] { return limit < 0 || std::int64_t(parts.size()) < limit; };
  if (!separator.is_missing() && !separator.is_none()) {
    const std::string& mark = bytes_of(separator, "the separator");
    if (mark.empty()) fail("empty separator");
    std::size_t begin = 0;
    for (std::size_t at; more() && (at = bytes.find(mark, begin)) != std::string::npos; begin = at + mark.size())
      parts.push_back(piece(heap, text, begin, at));
    parts.push_back(piece(heap, text, begin, bytes.size()));
    return parts;
  }
  heap.step(bytes.size() / 16);
  std::size_t at = 0;
  while (true) {
    std::size_t next = at;
    while (at < bytes.size() && is(next_code_point(bytes, next), CharClass::kSpace)) at = next;
    if (at >= bytes.size()) return parts;
    std::size_t end = at;
    if (more()) {
      for (next = end; end < bytes.size() && !is(next_code_point(bytes, next), CharClass::kSpace);) end = next;
    } else {
      end = bytes.size();
      for (std::size_t last; end > at; end = last) {
        last = next = previous_boundary(bytes, end);
        if (!is(next_code_point(bytes, next), CharClass::kSpace)) break;
      }
      parts.push_back(piece(heap, text, at, end));
      return parts;
    }
    parts.push_back(piece(heap, text, at, end));
    at = end;
  }
}

std::vector<Value> split_from_right(Heap& heap, const Text& text, const Value& separator, std::int64_t limit) {
  if (limit < 0) return split(heap, text, separator, -1);
  const std::string& mark = bytes_of(separator, "the separator");
  if (mark.empty()) fail("empty separator");
  std::vector<Value> parts;
  std::size_t end = text.bytes.size();
  while (std::int64_t(parts.size()) < limit && end >= mark.size()) {
    const std::size_t at = text.bytes.rfind(mark, end - mark.size());
    if (at == std::string::npos) break;
    parts.push_back(piece(heap, text, at + mark.size(), end));
    end = at;
  }
  parts.push_back(piece(heap, text, 0, end));
  return {parts.rbegin(), parts.rend()};
}

std::vector<Value> split_lines(Heap& heap, const Text& text, bool keep_ends) {
  std::vector<Value> lines;
  heap.step(text.bytes.size() / 16);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t end = at;
    const char32_t c = next_code_point(text.bytes, at);
    if (!is(c, CharClass::kLineBreak)) continue;
    if (c == '\r' && at < text.bytes.size() && text.bytes[at] == '\n') ++at;
    lines.push_back(piece(heap, text, begin, keep_ends ? at : end));
    begin = at;
  }
  if (begin < text.bytes.size()) lines.push_back(piece(heap, text, begin, text.bytes.size()));
  return lines;
}

Value replace(Heap& heap, const Text& text, const Value& from, const Value& to, std::int64_t limit) {
  const std::string& old = bytes_of(from, "what to replace");
  bytes_of(to, "the replacement");
  TextBuilder out(heap);
  std::size_t run = 0, at = 0;
  for (std::int64_t n = 0; (limit < 0 || n < limit) && at <= text.bytes.size(); ++n) {
    heap.step();
    const std::size_t found = text.bytes.find(old, at);
    if (found == std::string::npos) break;
    out.append(text, run, found);
    out.append(to.text());
    run = at = found + old.size();
    if (!old.empty()) continue;
    if (at == text.bytes.size()) break;
    next_code_point(text.bytes, at);  // nothing is found before every character and at the end
  }
  out.append(text, run, text.bytes.size());
  return heap.string(out.take());
}

Value upper(Heap& heap, const Text& text) {
  return map_characters(heap, text, [&](TextBuilder& out, std::size_t begin, std::size_t, char32_t c) {
    append_cased(out, c, Case::kUpper, text.is_data(begin));
  });
}

Value lower(Heap& heap, const Text& text) {
  return map_characters(heap, text, [&](TextBuilder& out, std::size_t begin, std::size_t end, char32_t c) {
    append_lower(out, text, begin, end, c);
  });
}

Value capitalize(Heap& heap, const Text& text) {
  return map_characters(heap, text, [&](TextBuilder& out, std::size_t begin, std::size_t end, char32_t c) {
    if (begin == 0) return append_cased(out, c, Case::kTitle, text.is_data(begin));
    append_lower(out, text, begin, end, c);
  });
}

Value title(Heap& heap, const Text& text, bool (*starts)(char32_t before)) {
  bool start = true;
  return map_characters(heap, text, [&](TextBuilder& out, std::size_t begin, std::size_t end, char32_t c) {
    if (start) {
      append_cased(out, c, Case::kTitle, text.is_data(begin));
    } else {
      append_lower(out, text, begin, end, c);
    }
    start = starts(c);
  });
}

}  // namespace nibble::chat
