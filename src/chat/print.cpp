#include "chat/print.h"

#include <algorithm>
#include <cmath>

#include "chat/callable.h"
#include "chat/unicode.h"

namespace nibble::chat {

std::string print_integer(Int value) { return fmt::format("{}", value); }

std::string print_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

namespace {

// Namespaces may hold one another in a ring, so repr() counts how deep it is.
constexpr int kMaxReprDepth = 2 * kMaxValueDepth;

void append_escape(TextBuilder& out, char32_t c, bool data) {
  const auto escape = [&](std::string_view text) { out.append_bytes(text, data); };
  if (c == '\n') return escape("\\n");
  if (c == '\r') return escape("\\r");
  if (c == '\t') return escape("\\t");
  if (c < 0x100) return escape(fmt::format("\\x{:02x}", unsigned(c)));
  if (c < 0x10000) return escape(fmt::format("\\u{:04x}", unsigned(c)));
  escape(fmt::format("\\U{:08x}", unsigned(c)));
}

void append_quoted(TextBuilder& out, const Text& text) {
  const bool use_double = text.bytes.find('\'') != std::string::npos && text.bytes.find('"') == std::string::npos;
  const char quote = use_double ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  std::size_t run = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text.bytes, at);
    const bool quoted = c == char32_t(quote) || c == '\\';
    if (!quoted && is(c, CharClass::kPrintable)) continue;
    out.append(text, run, begin);
    run = at;
    const bool data = text.is_data(begin);
    if (quoted) {
      out.append_bytes("\\", data);
      out.append_code_point(c, data);
    } else {
      append_escape(out, c, data);
    }
  }
  out.append(text, run, text.bytes.size());
  out.append(std::string_view(&quote, 1));
}

void append_repr_at(TextBuilder& out, const Value& value, int depth);

void append_pairs(TextBuilder& out, const std::vector<std::pair<Value, Value>>& pairs, int depth) {
  out.append("{");
  bool first = true;
  for (const auto& [key, item] : pairs) {
    if (!first) out.append(", ");
    first = false;
    append_repr_at(out, key, depth);
    out.append(": ");
    append_repr_at(out, item, depth);
  }
  out.append("}");
}

void append_view(TextBuilder& out, const DictView& view, int depth) {
  out.append(view.part == DictView::Part::kKeys     ? "dict_keys(["
             : view.part == DictView::Part::kValues ? "dict_values(["
                                                    : "dict_items([");
  bool first = true;
  for (const auto& [key, item] : view.dict.get<Dict>().entries) {
    if (!first) out.append(", ");
    first = false;
    const bool pair = view.part == DictView::Part::kItems;
    if (pair) out.append("(");
    if (view.part != DictView::Part::kValues) append_repr_at(out, key, depth);
    if (pair) out.append(", ");
    if (view.part != DictView::Part::kKeys) append_repr_at(out, item, depth);
    if (pair) out.append(")");
  }
  out.append("])");
}

void append_items(TextBuilder& out, const std::vector<Value>& items, int depth) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr_at(out, items[i], depth);
  }
}

void append_repr_at(TextBuilder& out, const Value& value, int depth) {
  if (depth > kMaxReprDepth) fail("a value to print is nested deeper than {} levels", kMaxReprDepth);
  switch (value.kind()) {
    case Kind::kMissing: return;
    case Kind::kNone: return out.append("None");
    case Kind::kBool: return out.append(value.as_bool() ? "True" : "False");
    case Kind::kInt: return out.append(print_integer(value.as_integer()));
    case Kind::kFloat: return out.append(print_float(value.as_real()));
    case Kind::kUndefined: return out.append("Undefined");
    case Kind::kString:
      if (value.get<String>().markup) {
        out.append("Markup(");
        append_quoted(out, value.text());
        return out.append(")");
      }
      return append_quoted(out, value.text());
    case Kind::kList:
      out.append("[");
      append_items(out, value.items(), depth + 1);
      return out.append("]");
    case Kind::kTuple:
      out.append("(");
      append_items(out, value.items(), depth + 1);
      return out.append(value.items().size() == 1 ? ",)" : ")");
    case Kind::kDict: return append_pairs(out, value.get<Dict>().entries, depth + 1);
    case Kind::kView: return append_view(out, value.get<DictView>(), depth + 1);
    case Kind::kRange: {
      const Range& range = value.get<Range>();
      out.append(fmt::format("range({}, {}", print_integer(range.start), print_integer(range.stop)));
      if (range.step != 1) out.append(", " + print_integer(range.step));
      return out.append(")");
    }
    case Kind::kNamespace:
      out.append("<Namespace ");
      append_pairs(out, value.get<Namespace>().attributes, depth + 1);
      return out.append(">");
    default: return out.append(describe_callable(value));
  }
}

}  // namespace

void append_repr(TextBuilder& out, const Value& value) { append_repr_at(out, value, 0); }

void append_str(TextBuilder& out, const Value& value) {
  if (value.is_string()) return out.append(value.text());
  if (value.is_undefined()) return;
  append_repr(out, value);
}

Value to_str(Heap& heap, const Value& value) {
  if (value.is_string()) return value;
  TextBuilder out(heap);
  append_str(out, value);
  return heap.string(out.take());
}

std::string repr_for_message(const Value& value) {
  Budget budget;
  budget.memory_bytes = 1u << 20;
  Heap heap(budget);
  TextBuilder out(heap);
  try {
    append_repr(out, value);
  } catch (const Failure&) {
    return std::string(type_name(value));
  }
  std::string text = out.take().bytes;
  if (text.size() > 200) {
    std::size_t cut = 200;
    while ((static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
    text.resize(cut);
    text += "...";
  }
  return text;
}

namespace {

void append_json_string(TextBuilder& out, const Text& text, bool ensure_ascii) {
  out.append("\"");
  std::size_t run = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t begin = at;
    const unsigned char byte = static_cast<unsigned char>(text.bytes[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x7f || !ensure_ascii)) {
      ++at;
      continue;
    }
    const char32_t c = next_code_point(text.bytes, at);
    out.append(text, run, begin);
    run = at;
    std::string escape;
    switch (c) {
      case '"': escape = "\\\""; break;
      case '\\': escape = "\\\\"; break;
      case '\n': escape = "\\n"; break;
      case '\r': escape = "\\r"; break;
      case '\t': escape = "\\t"; break;
      case '\b': escape = "\\b"; break;
      case '\f': escape = "\\f"; break;
      default:
        if (c < 0x10000) {
          escape = fmt::format("\\u{:04x}", unsigned(c));
        } else {
          const unsigned v = unsigned(c) - 0x10000;
          escape = fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (v >> 10), 0xdc00 + (v & 0x3ff));
        }
    }
    out.append_bytes(escape, text.is_data(begin));
  }
  out.append(text, run, text.bytes.size());
  out.append("\"");
}

std::string json_number(const Value& value) {
  if (value.is_integer()) return print_integer(value.as_integer());
  const double d = value.as_real();
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
  return print_float(d);
}

void append_json_key(TextBuilder& out, const Value& key, bool ensure_ascii) {
  if (key.is_string()) return append_json_string(out, key.text(), ensure_ascii);
  std::string text;
  if (key.is_none())
    text = "null";
  else if (key.is(Kind::kBool))
    text = key.as_bool() ? "true" : "false";
  else if (key.is_number())
    text = json_number(key);
  else
    fail("keys must be str, int, float, bool or None, not {}", type_name(key));
  out.append("\"" + text + "\"");
}

void append_json_at(TextBuilder& out, const Value& value, const JsonStyle& style, int depth) {
  const auto new_line = [&](int level) {
    if (!style.indent) return;
    out.append("\n");
    for (int i = 0; i < level; ++i) out.append(*style.indent);
  };
  switch (value.kind()) {
    case Kind::kNone: return out.append("null");
    case Kind::kBool: return out.append(value.as_bool() ? "true" : "false");
    case Kind::kInt:
    case Kind::kFloat: return out.append(json_number(value));
    case Kind::kString: return append_json_string(out, value.text(), style.ensure_ascii);
    case Kind::kList:
    case Kind::kTuple: {
      if (value.items().empty()) return out.append("[]");
      out.append("[");
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) out.append(style.item_separator);
        first = false;
        new_line(depth + 1);
        append_json_at(out, item, style, depth + 1);
      }
      new_line(depth);
      return out.append("]");
    }
    case Kind::kDict: {
      std::vector<std::pair<Value, Value>> entries = value.get<Dict>().entries;
      if (entries.empty()) return out.append("{}");
      if (style.sort_keys)
        std::stable_sort(entries.begin(), entries.end(),
                         [](const auto& a, const auto& b) { return less(a.first, b.first); });
      out.append("{");
      bool first = true;
      for (const auto& [key, item] : entries) {
        if (!first) out.append(style.item_separator);
        first = false;
        new_line(depth + 1);
        append_json_key(out, key, style.ensure_ascii);
        out.append(style.key_separator);
        append_json_at(out, item, style, depth + 1);
      }
      new_line(depth);
      return out.append("}");
    }
    default: fail("Object of type {} is not JSON serializable", type_name(value));
  }
}

}  // namespace

void append_json(TextBuilder& out, const Value& value, const JsonStyle& style) { append_json_at(out, value, style, 0); }

}  // namespace nibble::chat
