// Python's string operations on Text, so that every byte keeps its origin. Shared by methods and filters.
#pragma once

#include <string_view>
#include <vector>

#include "chat/value.h"

namespace nibble::chat {

enum class Side { kLeft, kRight, kBoth };

// `characters` missing or none: white space.
Value strip(Heap& heap, const Value& string, const Value& characters, Side side);
// `separator` missing or none: runs of white space. At most `limit` cuts, all of them if it is negative.
std::vector<Value> split(Heap& heap, const Text& text, const Value& separator, std::int64_t limit);
std::vector<Value> split_from_right(Heap& heap, const Text& text, const Value& separator, std::int64_t limit);
std::vector<Value> split_lines(Heap& heap, const Text& text, bool keep_ends);
Value replace(Heap& heap, const Text& text, const Value& from, const Value& to, std::int64_t limit);

Value upper(Heap& heap, const Text& text);
Value lower(Heap& heap, const Text& text);
Value capitalize(Heap& heap, const Text& text);
// A letter is a capital where `starts` says that a word starts behind the character before it.
Value title(Heap& heap, const Text& text, bool (*starts)(char32_t before));

}  // namespace nibble::chat
