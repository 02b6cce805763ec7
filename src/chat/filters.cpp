// The filters of "value | filter".
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "chat/interpreter.h"
#include "chat/print.h"
#include "chat/strings.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

using Values = std::vector<Value>;

Value text_of(Interpreter& i, const Value& value) { return to_str(i.heap(), value); }

// "a.b.0" of an item, as map(attribute=...) and others read it; `attribute` missing: the item itself.
Value look_up(Interpreter& i, const Value& item, const Value& attribute, const Value& fallback = {}) {
  if (attribute.is_missing() || attribute.is_none()) return item;
  if (!attribute.is_string()) return i.item(item, attribute);
  Value value = item;
  for (const Value& part : split(i.heap(), attribute.text(), i.heap().string("."), -1)) {
    const std::string& name = part.text().bytes;
    const bool number = !name.empty() && name.size() < 10 &&
                        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    value = i.item(value, number ? Value::integer(std::atoi(name.c_str())) : part);
    if (value.is_undefined() && !fallback.is_missing()) value = fallback;
  }
  return value;
}

Value without_case(Interpreter& i, const Value& value, bool case_sensitive) {
  return !case_sensitive && value.is_string() ? lower(i.heap(), value.text()) : value;
}

// The items in the order of their keys, equal ones as they were.
void sort_by_key(Interpreter& i, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  std::size_t log = 1;
  while (keyed.size() >> log != 0) ++log;
  i.heap().step(keyed.size() * log);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(b.first, a.first) : less(a.first, b.first);
  });
}

Value sort(Interpreter& i, const Value& value, Arguments& a) {
  std::vector<std::pair<Value, Value>> keyed;
  const Value items = i.items_of(value);
  for (const Value& item : items.items())
    keyed.emplace_back(without_case(i, look_up(i, item, a.positional[2]), truth_or(a.positional[1], false)), item);
  sort_by_key(i, keyed, truth_or(a.positional[0], false));
  Values sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return i.heap().list(std::move(sorted));
}

Value dictsort(Interpreter& i, const Value& value, Arguments& a) {
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is(Kind::kDict)) fail("dictsort: expected a dict, found {}", type_name(value));
  const std::string by = a.positional[1].is_string() ? a.positional[1].text().bytes : "key";
  if (by != "key" && by != "value") fail("dictsort: you can only sort by either \"key\" or \"value\"");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, item] : value.get<Dict>().entries)
    keyed.emplace_back(without_case(i, by == "key" ? key : item, truth_or(a.positional[0], false)),
                       i.heap().tuple({key, item}));
  sort_by_key(i, keyed, truth_or(a.positional[2], false));
  Values sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return i.heap().list(std::move(sorted));
}

Value unique(Interpreter& i, const Value& value, Arguments& a) {
  const Value items = i.items_of(value);
  const Value seen = i.heap().dict({});
  Values kept;
  for (const Value& item : items.items()) {
    const Value key = without_case(i, look_up(i, item, a.positional[1]), truth_or(a.positional[0], false));
    i.heap().step();
    if (seen.get<Dict>().find(key) != nullptr) continue;
    seen.get<Dict>().set(key, Value::none());
    kept.push_back(item);
  }
  return i.heap().iterator(std::move(kept));
}

template <bool greatest>
Value extreme(Interpreter& i, const Value& value, Arguments& a) {
  const Value items = i.items_of(value);
  std::optional<Value> best_key;
  Value best = i.heap().hint("No aggregated item, sequence was empty.");
  for (const Value& item : items.items()) {
    Value key = without_case(i, look_up(i, item, a.positional[1]), truth_or(a.positional[0], false));
    if (best_key && !(greatest ? less(*best_key, key) : less(key, *best_key))) continue;
    best_key = std::move(key);
    best = item;
  }
  return best;
}

Value sum(Interpreter& i, const Value& value, Arguments& a) {
  const Value items = i.items_of(value);
  Value total = a.positional[1].is_missing() ? Value::integer(0) : a.positional[1];
  for (const Value& item : items.items())
    total = binary(i.heap(), Operator::kAdd, total, look_up(i, item, a.positional[0]));
  return total;
}

Value join(Interpreter& i, const Value& value, Arguments& a) {
  const Value items = i.items_of(value);
  const Value separator = a.positional[0].is_missing() ? i.heap().string("") : text_of(i, a.positional[0]);
  TextBuilder out(i.heap());
  bool first = true;
  for (const Value& item : items.items()) {
    i.heap().step();
    if (!first) out.append(separator.text());
    first = false;
    append_str(out, look_up(i, item, a.positional[1]));
  }
  return i.heap().string(out.take());
}

Value map(Interpreter& i, const Value& value, Arguments& a) {
  const Value items = i.items_of(value);
  Values mapped;
  if (a.positional.empty()) {
    Value attribute, fallback;
    for (const auto& [name, given] : a.named) {
      if (name.text().bytes == "attribute")
        attribute = given;
      else if (name.text().bytes == "default")
        fallback = given;
      else
        fail("map: unexpected keyword argument '{}'", name.text().bytes);
    }
    if (attribute.is_missing()) fail("map requires a filter argument");
    for (const Value& item : items.items()) mapped.push_back(look_up(i, item, attribute, fallback));
  } else {
    const Value& name = a.positional[0];
    const Builtin* filter = name.is_string() ? find_filter(name.text().bytes) : nullptr;
    if (filter == nullptr) fail("map: no filter named {}", repr_for_message(name));
    for (const Value& item : items.items())
      mapped.push_back(i.apply(*filter, item, {Values(a.positional.begin() + 1, a.positional.end()), a.named}));
  }
  return i.heap().iterator(std::move(mapped));
}

// select, reject and their ...attr: the items whose test has the outcome `wanted`.
template <bool wanted, bool of_attribute>
Value select(Interpreter& i, const Value& value, Arguments& a) {
  constexpr std::size_t skip = of_attribute ? 1 : 0;
  if (a.positional.size() < skip) fail("missing parameter for attribute name");
  const Builtin* test = nullptr;
  Values rest;
  if (a.positional.size() > skip) {
    const Value& name = a.positional[skip];
    test = name.is_string() ? find_test(name.text().bytes) : nullptr;
    if (test == nullptr) fail("no test named {}", repr_for_message(name));
    rest.assign(a.positional.begin() + skip + 1, a.positional.end());
  }
  const Value items = i.items_of(value);
  Values kept;
  for (const Value& item : items.items()) {
    const Value subject = of_attribute ? look_up(i, item, a.positional[0]) : item;
    if (truthy(test == nullptr ? subject : i.apply(*test, subject, {rest, a.named})) == wanted) kept.push_back(item);
  }
  return i.heap().iterator(std::move(kept));
}

Value first(Interpreter& i, const Value& value, Arguments&) {
  const Value items = i.items_of(value);
  return items.items().empty() ? i.heap().hint("No first item, sequence was empty.") : items.items().front();
}

Value last(Interpreter& i, const Value& value, Arguments&) {
  if (value.is(Kind::kIterator)) fail("'{}' object is not reversible", type_name(value));
  const Value items = i.items_of(value);
  return items.items().empty() ? i.heap().hint("No last item, sequence was empty.") : items.items().back();
}

Value reverse(Interpreter& i, const Value& value, Arguments&) {
  const Value items = i.items_of(value);
  Values reversed(items.items().rbegin(), items.items().rend());
  if (!value.is_string()) return i.heap().iterator(std::move(reversed), "list_reverseiterator");
  return concatenate(i.heap(), reversed);
}

Value list(Interpreter& i, const Value& value, Arguments&) {
  const Value items = i.items_of(value);
  return items.is(Kind::kList) ? items : i.heap().list(items.items());
}

Value items(Interpreter& i, const Value& value, Arguments&) {
  if (value.is_undefined()) return i.heap().iterator({});
  if (!value.is(Kind::kDict)) fail("Can only get item pairs from a mapping.");
  return i.call(i.attribute(value, i.heap().string("items")), {});
}

Value default_value(Interpreter& i, const Value& value, Arguments& a) {
  if (!value.is_undefined() && !(truth_or(a.positional[1], false) && !truthy(value))) return value;
  return a.positional[0].is_missing() ? i.heap().string("") : a.positional[0];
}

Value length(Interpreter&, const Value& value, Arguments&) { return Value::integer(length_of(value)); }

Value to_json(Interpreter& i, const Value& value, Arguments& a) {
  JsonStyle style;
  style.ensure_ascii = truth_or(a.positional[0], false);
  style.sort_keys = truth_or(a.positional[3], false);
  const Value &indent = a.positional[1], &separators = a.positional[2];
  if (indent.is_string()) {
    style.indent = indent.text().bytes;
  } else if (!indent.is_missing() && !indent.is_none()) {
    style.indent = std::string(std::size_t(std::clamp<std::int64_t>(integer_or(indent, 0), 0, 1000)), ' ');
  }
  if (style.indent) style.item_separator = ",";
  if (!separators.is_missing() && !separators.is_none()) {
    const Value pair = i.items_of(separators);
    if (pair.items().size() != 2 || !pair.items()[0].is_string() || !pair.items()[1].is_string())
      fail("tojson: separators are two strings");
    style.item_separator = pair.items()[0].text().bytes;
    style.key_separator = pair.items()[1].text().bytes;
  }
  TextBuilder out(i.heap());
  append_json(out, value, style);
  return i.heap().string(out.take());
}

Value indent(Interpreter& i, const Value& value, Arguments& a) {
  const Value text = text_of(i, value);
  const Value& width = a.positional[0];
  const std::size_t n = std::size_t(width.is_string() ? 0 : std::clamp<std::int64_t>(integer_or(width, 4), 0, 1 << 20));
  const Value margin = width.is_string() ? width : i.heap().string(std::string(n, ' '));
  const bool blank = truth_or(a.positional[2], false);
  // The reference adds a line break before it splits, so that a text of no characters is one line.
  TextBuilder with_break(i.heap());
  with_break.append(text.text());
  with_break.append("\n");
  const Values lines = split_lines(i.heap(), with_break.text(), false);
  TextBuilder out(i.heap());
  if (truth_or(a.positional[1], false)) out.append(margin.text());
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (k > 0) out.append("\n");
    if (k > 0 && (blank || !lines[k].text().bytes.empty())) out.append(margin.text());
    out.append(lines[k].text());
  }
  return i.heap().string(out.take());
}

// The number a string spells as Python's float() reads it.
std::optional<double> read_float(const std::string& bytes) {
  const std::size_t begin = bytes.find_first_not_of(" \t\n\r\f\v");
  if (begin == std::string::npos) return std::nullopt;
  std::string text = bytes.substr(begin, bytes.find_last_not_of(" \t\n\r\f\v") - begin + 1);
  if (text.find_first_of("xXpP(") != std::string::npos) return std::nullopt;
  std::erase(text, '_');
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return std::nullopt;
  return number;
}

std::optional<Int> read_integer(const std::string& bytes) {
  const std::size_t begin = bytes.find_first_not_of(" \t\n\r\f\v");
  if (begin == std::string::npos) return std::nullopt;
  std::string_view text = std::string_view(bytes).substr(begin, bytes.find_last_not_of(" \t\n\r\f\v") - begin + 1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  Int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, Int(10), &value) || __builtin_add_overflow(value, Int(c - '0'), &value))
      fail("integer is too large");
  }
  return negative ? -value : value;
}

Value to_integer(Interpreter&, const Value& value, Arguments& a) {
  if (value.is_undefined()) fail_undefined(value);
  if (integer_or(a.positional[1], 10) != 10) fail("int: only base 10 is supported");
  const Value fallback = a.positional[0].is_missing() ? Value::integer(0) : a.positional[0];
  if (value.is_integer()) return Value::integer(value.as_integer());
  std::optional<double> number;
  if (value.is(Kind::kFloat)) number = value.as_real();
  if (value.is_string()) {
    if (const std::optional<Int> integer = read_integer(value.text().bytes)) return Value::integer(*integer);
    number = read_float(value.text().bytes);
  }
  if (!number || std::isnan(*number) || std::isinf(*number)) return fallback;
  if (std::abs(*number) > 1e38) fail("integer is too large");
  return Value::integer(Int(*number));
}

Value to_float(Interpreter&, const Value& value, Arguments& a) {
  if (value.is_undefined()) fail_undefined(value);
  if (value.is_number()) return Value::real(value.as_real());
  if (value.is_string())
    if (const std::optional<double> number = read_float(value.text().bytes)) return Value::real(*number);
  return a.positional[0].is_missing() ? Value::real(0) : a.positional[0];
}

Value round(Interpreter&, const Value& value, Arguments& a) {
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_number()) fail("round: expected a number, found {}", type_name(value));
  const int digits = int(std::clamp<std::int64_t>(integer_or(a.positional[0], 0), -300, 300));
  const std::string method = a.positional[1].is_string() ? a.positional[1].text().bytes : "common";
  if (method == "ceil" || method == "floor") {
    const double scale = std::pow(10.0, digits), scaled = value.as_real() * scale;
    return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
  }
  if (method != "common") fail("round: method must be common, ceil or floor");
  if (value.is_integer() && digits >= 0) return Value::integer(value.as_integer());
  if (!std::isfinite(value.as_real()) || digits > 20) return Value::real(value.as_real());
  if (digits < 0) {
    const double scale = std::pow(10.0, -digits);
    const double rounded = std::nearbyint(value.as_real() / scale) * scale;
    return value.is_integer() && std::abs(rounded) < 1e38 ? Value::integer(Int(rounded)) : Value::real(rounded);
  }
  return Value::real(std::strtod(fmt::format("{:.{}f}", value.as_real(), digits).c_str(), nullptr));
}

Value absolute(Interpreter&, const Value& value, Arguments&) {
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_number()) fail("bad operand type for abs(): '{}'", type_name(value));
  return value.as_real() < 0 ? negate(value) : value.is(Kind::kBool) ? Value::integer(value.as_integer()) : value;
}

Value safe(Interpreter& i, const Value& value, Arguments&) {
  return i.heap().string(text_of(i, value).text(), /*markup=*/true);
}

Value replace_filter(Interpreter& i, const Value& value, Arguments& a) {
  const Value text = text_of(i, value), from = text_of(i, a.positional[0]), to = text_of(i, a.positional[1]);
  return replace(i.heap(), text.text(), from, to, integer_or(a.positional[2], -1));
}

Value title_filter(Interpreter& i, const Value& value, Arguments&) {
  return title(i.heap(), text_of(i, value).text(), [](char32_t c) {
    return is(c, CharClass::kSpace) || (c < 0x80 && std::string_view("-({[<").find(char(c)) != std::string_view::npos);
  });
}

const Builtin kFilters[] = {
    {"abs", "", absolute},
    {"capitalize", "",
     [](Interpreter& i, const Value& v, Arguments&) { return capitalize(i.heap(), text_of(i, v).text()); }},
    {"count", "", length},
    {"d", "default_value? boolean?", default_value},
    {"default", "default_value? boolean?", default_value},
    {"dictsort", "case_sensitive? by? reverse?", dictsort},
    {"e", "", [](Interpreter& i, const Value& v, Arguments&) { return escape_html(i.heap(), v); }},
    {"escape", "", [](Interpreter& i, const Value& v, Arguments&) { return escape_html(i.heap(), v); }},
    {"first", "", first},
    {"float", "default?", to_float},
    {"indent", "width? first? blank?", indent},
    {"int", "default? base?", to_integer},
    {"items", "", items},
    {"join", "d? attribute?", join},
    {"last", "", last},
    {"length", "", length},
    {"list", "", list},
    {"lower", "", [](Interpreter& i, const Value& v, Arguments&) { return lower(i.heap(), text_of(i, v).text()); }},
    {"map", "*", map},
    {"max", "case_sensitive? attribute?", extreme<true>},
    {"min", "case_sensitive? attribute?", extreme<false>},
    {"reject", "*", select<false, false>},
    {"rejectattr", "*", select<false, true>},
    {"replace", "old new count?", replace_filter},
    {"reverse", "", reverse},
    {"round", "precision? method?", round},
    {"safe", "", safe},
    {"select", "*", select<true, false>},
    {"selectattr", "*", select<true, true>},
    {"sort", "reverse? case_sensitive? attribute?", sort},
    {"string", "", [](Interpreter& i, const Value& v, Arguments&) { return text_of(i, v); }},
    {"sum", "attribute? start?", sum},
    {"title", "", title_filter},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", to_json},
    {"trim", "chars?",
     [](Interpreter& i, const Value& v, Arguments& a) {
       return strip(i.heap(), text_of(i, v), a.positional[0], Side::kBoth);
     }},
    {"unique", "case_sensitive? attribute?", unique},
    {"upper", "", [](Interpreter& i, const Value& v, Arguments&) { return upper(i.heap(), text_of(i, v).text()); }},
};

}  // namespace

const Builtin* find_filter(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const Builtin& b) { return b.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace nibble::chat
