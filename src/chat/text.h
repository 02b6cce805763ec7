// Text that remembers which of its bytes came from data (messages, tools, whatever a caller sent) and which from the
// template. The prompt's special tokens may only come from the template: a user who writes "<turn|>" has written six
// letters. Every string operation of the template language is built from appends of slices, so the origin follows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::chat {

class Heap;

struct Span {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const Span&) const = default;
};

struct Text {
  std::string bytes;       // UTF-8
  std::vector<Span> data;  // bytes that came from data: ascending, not touching each other

  static Text literal(std::string_view text) { return {std::string(text), {}}; }
  static Text from_data(std::string_view text);
  bool is_data(std::size_t offset) const;
  bool operator==(const Text&) const = default;
};

// Grows a Text. What it holds counts against the heap's budget while it grows, so no loop of appends outgrows it.
class TextBuilder {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}
  ~TextBuilder();
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;

  void append(std::string_view literal) { append_bytes(literal, false); }
  void append_bytes(std::string_view bytes, bool from_data);
  void append(const Text& text) { append(text, 0, text.bytes.size()); }
  void append(const Text& text, std::size_t begin, std::size_t end);
  void append_code_point(char32_t c, bool from_data);
  std::size_t size() const { return text_.bytes.size(); }
  const Text& text() const { return text_; }
  Text take();

 private:
  void reserve(std::size_t more);
  void mark(std::size_t begin, std::size_t end);

  Heap& heap_;
  Text text_;
  std::size_t charged_ = 0;
};

Text substring(Heap& heap, const Text& text, std::size_t begin, std::size_t end);

}  // namespace nibble::chat
