#include "chat/text.h"

#include <algorithm>

#include "chat/unicode.h"
#include "chat/value.h"

namespace nibble::chat {

Text Text::from_data(std::string_view text) {
  Text result{std::string(text), {}};
  if (!text.empty()) result.data.push_back({0, std::uint32_t(text.size())});
  return result;
}

bool Text::is_data(std::size_t offset) const {
  const auto after = std::upper_bound(data.begin(), data.end(), offset,
                                      [](std::size_t at, const Span& span) { return at < span.begin; });
  return after != data.begin() && offset < std::prev(after)->end;
}

TextBuilder::~TextBuilder() { heap_.release(charged_); }

void TextBuilder::reserve(std::size_t more) {
  const std::size_t need = text_.bytes.size() + more;
  if (need <= charged_) return;
  const std::size_t grown = std::max(need, std::min(charged_ * 2, charged_ + (1u << 20)));
  heap_.charge(grown - charged_);
  charged_ = grown;
}

void TextBuilder::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!text_.data.empty() && text_.data.back().end == begin) {
    text_.data.back().end = std::uint32_t(end);
  } else {
    text_.data.push_back({std::uint32_t(begin), std::uint32_t(end)});
  }
}

void TextBuilder::append_bytes(std::string_view bytes, bool from_data) {
  reserve(bytes.size());
  const std::size_t begin = text_.bytes.size();
  text_.bytes.append(bytes);
  if (from_data) mark(begin, text_.bytes.size());
}

void TextBuilder::append(const Text& text, std::size_t begin, std::size_t end) {
  reserve(end - begin);
  const std::size_t base = text_.bytes.size();
  text_.bytes.append(text.bytes, begin, end - begin);
  auto span = std::upper_bound(text.data.begin(), text.data.end(), begin,
                               [](std::size_t at, const Span& s) { return at < s.end; });
  for (; span != text.data.end() && span->begin < end; ++span)
    mark(base + std::max<std::size_t>(span->begin, begin) - begin,
         base + std::min<std::size_t>(span->end, end) - begin);
}

void TextBuilder::append_code_point(char32_t c, bool from_data) {
  char buffer[4];
  append_bytes(std::string_view(buffer, encode_utf8(c, buffer)), from_data);
}

Text TextBuilder::take() {
  heap_.release(charged_);
  charged_ = 0;
  return std::move(text_);
}

Text substring(Heap& heap, const Text& text, std::size_t begin, std::size_t end) {
  TextBuilder builder(heap);
  builder.append(text, begin, end);
  return builder.take();
}

}  // namespace nibble::chat
