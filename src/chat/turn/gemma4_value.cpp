#include "chat/turn/gemma4_value.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "chat/turn/json_text.h"
#include "chat/turn/marker.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {
namespace {

constexpr auto npos = std::string_view::npos;

std::size_t skip(std::string_view text, std::size_t at, std::string_view characters) {
  return std::min(text.find_first_not_of(characters, at), text.size());
}

// Where the bracket that closes `bracket` stands, from `at` on. Only brackets of its kind count, and none in strings.
std::size_t find_close(std::string_view text, std::size_t at, char bracket) {
  const char closing = bracket == '{' ? '}' : ']';
  for (int depth = 1; at < text.size(); ++at) {
    if (text[at] == '<' && text.substr(at).starts_with(kQuote)) {
      at = text.find(kQuote, at + kQuote.size());
      if (at == npos) return npos;
      at += kQuote.size() - 1;
    } else if (text[at] == bracket) {
      ++depth;
    } else if (text[at] == closing && --depth == 0) {
      return at;
    }
  }
  return npos;
}

std::string_view without_half_quote(std::string_view text) {
  for (std::size_t n = kQuote.size() - 1; n > 0; --n)
    if (text.ends_with(kQuote.substr(0, n))) return text.substr(0, text.size() - n);
  return text;
}

class Writer {
 public:
  explicit Writer(SchemaTypes& types) : types_(types) {}

  std::string nested(const Nested& nested, const json::value* schema, int depth) {
    if (depth > kMaxArgumentDepth) {  // no deeper: the text itself
      std::string raw = nested.bracket + std::string(nested.body), out;
      if (!nested.cut) raw += nested.bracket == '{' ? '}' : ']';
      append_json_string(out, raw);
      return out;
    }
    return nested.bracket == '{' ? object(nested, schema, depth) : array(nested, schema, depth);
  }

 private:
  std::string object(const Nested& nested, const json::value* schema, int depth) {
    const json::object* rules = schema != nullptr ? schema->if_object() : nullptr;
    const json::object* properties = rules != nullptr ? object_at(*rules, "properties") : nullptr;
    const std::string_view body = nested.body;
    std::string out = "{";
    for (std::size_t at = skip(body, 0, kGap); at < body.size(); at = skip(body, at, kGap)) {
      const std::size_t colon = body.find(':', at);
      if (colon == npos) break;
      const std::string_view key = key_name(body.substr(at, colon - at));
      at = skip(body, colon + 1, " \n\t");
      if (at >= body.size() && nested.cut) break;
      const json::value* rule = properties != nullptr ? properties->if_contains(key) : nullptr;
      const std::optional<std::string> item =
          at < body.size() ? value(nested, at, rule, depth) : leaf_json("", rule, types_);
      if (!item) break;
      if (out.size() > 1) out += ", ";
      append_json_string(out, key);
      out += ": " + *item;
    }
    return out += '}';
  }

  std::string array(const Nested& nested, const json::value* schema, int depth) {
    const json::object* rules = schema != nullptr ? schema->if_object() : nullptr;
    const json::value* items = rules != nullptr ? rules->if_contains("items") : nullptr;
    std::string out = "[";
    for (std::size_t at = skip(nested.body, 0, kGap); at < nested.body.size(); at = skip(nested.body, at, kGap)) {
      const std::optional<std::string> item = value(nested, at, items, depth);
      if (!item) break;
      if (out.size() > 1) out += ", ";
      out += *item;
    }
    return out += ']';
  }

  // The value at `at` of `in`; nullopt where there is none, which ends the object or array.
  std::optional<std::string> value(const Nested& in, std::size_t& at, const json::value* schema, int depth) {
    const std::string_view body = in.body;
    const auto rest_until = [&](std::size_t end) {  // and moves to it
      const std::size_t begin = std::exchange(at, std::min(end, body.size()));
      return body.substr(begin, at - begin);
    };
    if (body.substr(at).starts_with(kQuote)) {
      at += kQuote.size();
      const std::size_t end = body.find(kQuote, at);
      std::string_view text = rest_until(end);
      if (end == npos && in.cut && in.bracket == '{') text = without_half_quote(text);
      if (end != npos) at += kQuote.size();
      return leaf_json(text, schema, types_);
    }
    if (body[at] == '{' || body[at] == '[') {
      const char bracket = body[at++];
      const std::size_t close = find_close(body, at, bracket);
      const std::string_view inner = rest_until(close);
      if (close != npos) ++at;
      return nested({bracket, inner, close == npos}, schema, depth + 1);
    }
    const std::size_t end = body.find_first_of(in.bracket == '{' ? ",}]" : ",]", at);
    if (end == at || (end == npos && in.cut)) return std::nullopt;
    const std::string_view text = trim(rest_until(end));
    if (in.cut && text.ends_with('.')) return std::nullopt;
    return leaf_json(text, schema, types_);
  }

  SchemaTypes& types_;
};

}  // namespace

std::string_view key_name(std::string_view key) {
  key = trim(key);
  if (!key.starts_with(kQuote) || !key.ends_with(kQuote)) return key;
  return key.size() < 2 * kQuote.size() ? std::string_view()
                                        : key.substr(kQuote.size(), key.size() - 2 * kQuote.size());
}

std::string leaf_json(std::string_view text, const json::value* schema, SchemaTypes& types) {
  if (schema != nullptr && schema->is_object()) return coerce(text, types.of(*schema));
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string nested_json(const Nested& nested, const json::value* schema, SchemaTypes& types) {
  return Writer(types).nested(nested, schema, 1);
}

}  // namespace nibble::chat::turn
