// JSON from outside: Boost.JSON with the rules every file and request of ours obeys: valid UTF-8, bounded depth,
// no duplicate keys, nothing behind the value. Errors name the source, the line and the column.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

namespace json = boost::json;

inline constexpr std::size_t kMaxJsonDepth = 128;

// `source` (a file name, "request body") opens each message.
json::value parse_json(std::string_view text, std::string_view source, std::size_t max_depth = kMaxJsonDepth);

// Two spaces a level, numbers as Python prints them: how Hugging Face libraries write their files.
std::string pretty_json(const json::value& value);

// Reads the whole file, at most `max_bytes` of it.
json::value parse_json_file(const std::string& path, std::uint64_t max_bytes = 256u << 20);

// Reads typed fields of one object; each error says source, path of the field, what was expected and what was found.
// A null counts as absent: published configurations spell "not set" that way.
class JsonFields {
 public:
  JsonFields(const json::value& value, std::string source);

  struct Range {
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
  };
  bool has(std::string_view key) const;  // present and not null
  std::int64_t integer(std::string_view key, Range range) const;
  std::int64_t integer(std::string_view key, Range range, std::int64_t fallback) const;
  double number(std::string_view key, double fallback) const;
  bool boolean(std::string_view key, bool fallback) const;
  std::string string(std::string_view key) const;
  std::string string(std::string_view key, std::string_view fallback) const;
  std::vector<std::string> strings(std::string_view key) const;  // absent: empty
  std::optional<JsonFields> object(std::string_view key) const;  // absent: nullopt
  const json::value* find(std::string_view key) const;           // null or absent: nullptr
  const json::object& raw() const { return *object_; }
  const std::string& source() const { return source_; }

 private:
  const json::object* object_;
  std::string source_;  // "config.json", "config.json: text_config"
};

}  // namespace nibble
