#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"

namespace nibble {
namespace {

// Boost's parser drives this handler, which builds the value on Boost's own stack and refuses an object's second use
// of a key (its ready-made parser keeps the last one silently: two readers of one file could then disagree).
struct Handler {
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);

  json::value_stack stack;
  std::vector<std::unordered_set<std::string>> keys;
  std::string key, duplicate;

  bool on_document_begin(json::error_code&) {
    stack.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, json::error_code&) {
    keys.pop_back();
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t, json::error_code&) {
    key.append(s.data(), s.size());
    stack.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t, json::error_code& error) {
    key.append(s.data(), s.size());
    stack.push_key(s);
    if (!keys.back().insert(key).second) {
      duplicate = key;
      error = json::error::syntax;
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t, json::error_code&) {
    stack.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, std::size_t, json::error_code&) {
    stack.push_string(s);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t i, json::string_view, json::error_code&) {
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view, json::error_code&) {
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, json::string_view, json::error_code&) {
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, json::error_code&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(json::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::string place(std::string_view text, std::size_t offset) {
  std::size_t line = 1, column = 1;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return fmt::format("line {}, column {}", line, column);
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64: return "an integer";
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
  }
  return "?";
}

void write_pretty(const json::value& value, int depth, std::string& out) {
  const std::string inner(std::size_t(depth + 1) * 2, ' '), outer(std::size_t(depth) * 2, ' ');
  const auto list = [&](const auto& items, char open, char close, const auto& write_item) {
    out += open;
    const char* separator = "\n";
    for (const auto& item : items) {
      out += separator + inner;
      write_item(item);
      separator = ",\n";
    }
    if (!items.empty()) out += "\n" + outer;
    out += close;
  };
  if (value.is_object()) {
    list(value.get_object(), '{', '}', [&](const auto& pair) {
      out += json::serialize(json::value(pair.key())) + ": ";
      write_pretty(pair.value(), depth + 1, out);
    });
  } else if (value.is_array()) {
    list(value.get_array(), '[', ']', [&](const json::value& item) { write_pretty(item, depth + 1, out); });
  } else if (value.is_double()) {
    const std::string number = fmt::format("{}", value.get_double());
    out += number.find_first_of(".en") == std::string::npos ? number + ".0" : number;
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string pretty_json(const json::value& value) {
  std::string out;
  write_pretty(value, 0, out);
  return out;
}

json::value parse_json(std::string_view text, std::string_view source, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<Handler> parser(options);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  Handler& handler = parser.handler();
  if (error) {
    if (!handler.duplicate.empty() || error == json::error::syntax) {
      if (!handler.duplicate.empty())
        throw Error("{}: {}: key \"{}\" appears twice in one object", source, place(text, used), handler.duplicate);
    }
    if (error == json::error::too_deep)
      throw Error("{}: {}: nested deeper than {} levels", source, place(text, used), max_depth);
    throw Error("{}: {}: not valid JSON ({})", source, place(text, used), error.message());
  }
  for (std::size_t i = used; i < text.size(); ++i) {
    if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r')
      throw Error("{}: {}: unexpected text behind the JSON value", source, place(text, i));
  }
  return handler.stack.release();
}

json::value parse_json_file(const std::string& path, std::uint64_t max_bytes) {
  return parse_json(read_text_file(path, max_bytes), path);
}

JsonFields::JsonFields(const json::value& value, std::string source)
    : object_(value.if_object()), source_(std::move(source)) {
  if (object_ == nullptr) throw Error("{}: expected an object, found {}", source_, kind_name(value));
}

const json::value* JsonFields::find(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool JsonFields::has(std::string_view key) const { return find(key) != nullptr; }

std::int64_t JsonFields::integer(std::string_view key, Range range) const {
  const json::value* value = find(key);
  if (value == nullptr) throw Error("{}: \"{}\" is missing", source_, key);
  std::optional<std::int64_t> number;
  if (value->is_int64()) number = value->get_int64();
  // A whole number written as 16.0 is what some exporters emit.
  if (value->is_double() && std::floor(value->get_double()) == value->get_double() &&
      std::abs(value->get_double()) < 9e15)
    number = std::int64_t(value->get_double());
  if (!number && value->is_uint64())
    throw Error("{}: \"{}\": expected {} to {}, found {}", source_, key, range.min, range.max, value->get_uint64());
  if (!number) throw Error("{}: \"{}\": expected an integer, found {}", source_, key, kind_name(*value));
  if (*number < range.min || *number > range.max)
    throw Error("{}: \"{}\": expected {} to {}, found {}", source_, key, range.min, range.max, *number);
  return *number;
}

std::int64_t JsonFields::integer(std::string_view key, Range range, std::int64_t fallback) const {
  return has(key) ? integer(key, range) : fallback;
}

double JsonFields::number(std::string_view key, double fallback) const {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) throw Error("{}: \"{}\": expected a number, found {}", source_, key, kind_name(*value));
  const double number = value->to_number<double>();
  if (!std::isfinite(number)) throw Error("{}: \"{}\": expected a finite number", source_, key);
  return number;
}

bool JsonFields::boolean(std::string_view key, bool fallback) const {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) throw Error("{}: \"{}\": expected true or false, found {}", source_, key, kind_name(*value));
  return value->get_bool();
}

std::string JsonFields::string(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) throw Error("{}: \"{}\" is missing", source_, key);
  if (!value->is_string()) throw Error("{}: \"{}\": expected a string, found {}", source_, key, kind_name(*value));
  return std::string(value->get_string());
}

std::string JsonFields::string(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

std::vector<std::string> JsonFields::strings(std::string_view key) const {
  std::vector<std::string> result;
  const json::value* value = find(key);
  if (value == nullptr) return result;
  if (!value->is_array())
    throw Error("{}: \"{}\": expected a list of strings, found {}", source_, key, kind_name(*value));
  for (const json::value& item : value->get_array()) {
    if (!item.is_string())
      throw Error("{}: \"{}\": expected a list of strings, found {} in it", source_, key, kind_name(item));
    result.emplace_back(item.get_string());
  }
  return result;
}

std::optional<JsonFields> JsonFields::object(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return JsonFields(*value, fmt::format("{}: {}", source_, key));
}

}  // namespace nibble
