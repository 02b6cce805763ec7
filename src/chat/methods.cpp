// The methods of strings, lists, dicts and loops that change nothing, as the reference's sandbox allows them.
#include <algorithm>

#include "chat/interpreter.h"
#include "chat/strings.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

using Values = std::vector<Value>;

template <Side side>
Value strip_method(Interpreter& i, const Value& self, Arguments& a) {
  return strip(i.heap(), self, a.positional[0], side);
}

Value split_method(Interpreter& i, const Value& self, Arguments& a) {
  return i.heap().list(split(i.heap(), self.text(), a.positional[0], integer_or(a.positional[1], -1)));
}

Value rsplit_method(Interpreter& i, const Value& self, Arguments& a) {
  return i.heap().list(split_from_right(i.heap(), self.text(), a.positional[0], integer_or(a.positional[1], -1)));
}

Value splitlines_method(Interpreter& i, const Value& self, Arguments& a) {
  return i.heap().list(split_lines(i.heap(), self.text(), truth_or(a.positional[0], false)));
}

// One string, or a tuple of which any may match.
template <bool at_end>
Value affix_method(Interpreter& i, const Value& self, Arguments& a) {
  const auto matches = [&](const Value& affix) {
    if (!affix.is_string())
      fail("startswith and endswith need a string or a tuple of strings, found {}", type_name(affix));
    i.heap().step();
    const std::string& text = self.text().bytes;
    return at_end ? text.ends_with(affix.text().bytes) : text.starts_with(affix.text().bytes);
  };
  const Value& affix = a.positional[0];
  if (!affix.is(Kind::kTuple)) return Value::boolean(matches(affix));
  return Value::boolean(std::any_of(affix.items().begin(), affix.items().end(), matches));
}

template <bool from_right>
std::int64_t find_in(Interpreter& i, const Value& self, const Arguments& a) {
  if (!a.positional[0].is_string()) fail("must be str, not {}", type_name(a.positional[0]));
  const std::string& text = self.text().bytes;
  i.heap().step(text.size() / 64);
  const std::size_t found =
      from_right ? text.rfind(a.positional[0].text().bytes) : text.find(a.positional[0].text().bytes);
  if (found == std::string::npos) return -1;
  return std::int64_t(count_code_points(std::string_view(text).substr(0, found)));
}

template <bool from_right>
Value find_method_of(Interpreter& i, const Value& self, Arguments& a) {
  return Value::integer(find_in<from_right>(i, self, a));
}

template <bool from_right>
Value index_method(Interpreter& i, const Value& self, Arguments& a) {
  const std::int64_t found = find_in<from_right>(i, self, a);
  if (found < 0) fail("substring not found");
  return Value::integer(found);
}

Value count_method(Interpreter& i, const Value& self, Arguments& a) {
  if (!a.positional[0].is_string()) fail("must be str, not {}", type_name(a.positional[0]));
  const std::string &text = self.text().bytes, &part = a.positional[0].text().bytes;
  if (part.empty()) return Value::integer(self.get<String>().length() + 1);
  Int n = 0;
  i.heap().step(text.size() / 64);
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return Value::integer(n);
}

Value join_method(Interpreter& i, const Value& self, Arguments& a) {
  const Value items = i.items_of(a.positional[0]);
  TextBuilder out(i.heap());
  bool first = true;
  for (const Value& item : items.items()) {
    if (!item.is_string()) fail("sequence item: expected str instance, {} found", type_name(item));
    if (!first) out.append(self.text());
    first = false;
    i.heap().step();
    out.append(item.text());
  }
  return i.heap().string(out.take());
}

template <bool suffix>
Value remove_affix(Interpreter& i, const Value& self, Arguments& a) {
  if (!a.positional[0].is_string()) fail("must be str, not {}", type_name(a.positional[0]));
  const Text& text = self.text();
  const std::string& affix = a.positional[0].text().bytes;
  if (suffix ? !text.bytes.ends_with(affix) : !text.bytes.starts_with(affix)) return self;
  const std::size_t size = text.bytes.size() - affix.size();
  return i.heap().string(substring(i.heap(), text, suffix ? 0 : affix.size(), suffix ? size : text.bytes.size()));
}

template <bool from_right>
Value partition(Interpreter& i, const Value& self, Arguments& a) {
  const auto split_once = from_right ? split_from_right : split;
  Values parts = split_once(i.heap(), self.text(), a.positional[0], 1);
  if (parts.size() == 2) return i.heap().tuple({parts[0], a.positional[0], parts[1]});
  const Value empty = i.heap().string("");
  return from_right ? i.heap().tuple({empty, empty, self}) : i.heap().tuple({self, empty, empty});
}

template <CharClass wanted>
Value all_of(Interpreter& i, const Value& self, Arguments&) {
  const std::string& text = self.text().bytes;
  i.heap().step(text.size() / 16);
  for (std::size_t at = 0; at < text.size();)
    if (!is(next_code_point(text, at), wanted)) return Value::boolean(false);
  return Value::boolean(!text.empty());
}

template <bool upper_case>
Value is_cased(Interpreter& i, const Value& self, Arguments&) {
  return i.apply(*find_test(upper_case ? "upper" : "lower"), self, {});
}

Value replace_method(Interpreter& i, const Value& self, Arguments& a) {
  return replace(i.heap(), self.text(), a.positional[0], a.positional[1], integer_or(a.positional[2], -1));
}

Value upper_method(Interpreter& i, const Value& self, Arguments&) { return upper(i.heap(), self.text()); }
Value lower_method(Interpreter& i, const Value& self, Arguments&) { return lower(i.heap(), self.text()); }
Value capitalize_method(Interpreter& i, const Value& self, Arguments&) { return capitalize(i.heap(), self.text()); }
Value title_method(Interpreter& i, const Value& self, Arguments&) {
  return title(i.heap(), self.text(), [](char32_t c) {
    return !is(c, CharClass::kUpper) && !is(c, CharClass::kLower) && !is(c, CharClass::kTitle);
  });
}

const Builtin kStringMethods[] = {
    {"capitalize", "", capitalize_method},
    {"count", "sub", count_method},
    {"endswith", "suffix", affix_method<true>},
    {"find", "sub", find_method_of<false>},
    {"index", "sub", index_method<false>},
    {"isalnum", "", all_of<CharClass::kAlphanumeric>},
    {"isalpha", "", all_of<CharClass::kAlpha>},
    {"isdecimal", "", all_of<CharClass::kDecimal>},
    {"isdigit", "", all_of<CharClass::kDigit>},
    {"islower", "", is_cased<false>},
    {"isnumeric", "", all_of<CharClass::kNumeric>},
    {"isspace", "", all_of<CharClass::kSpace>},
    {"isupper", "", is_cased<true>},
    {"join", "iterable", join_method},
    {"lower", "", lower_method},
    {"lstrip", "chars?", strip_method<Side::kLeft>},
    {"partition", "sep", partition<false>},
    {"removeprefix", "prefix", remove_affix<false>},
    {"removesuffix", "suffix", remove_affix<true>},
    {"replace", "old new count?", replace_method},
    {"rfind", "sub", find_method_of<true>},
    {"rindex", "sub", index_method<true>},
    {"rpartition", "sep", partition<true>},
    {"rsplit", "sep? maxsplit?", rsplit_method},
    {"rstrip", "chars?", strip_method<Side::kRight>},
    {"split", "sep? maxsplit?", split_method},
    {"splitlines", "keepends?", splitlines_method},
    {"startswith", "prefix", affix_method<false>},
    {"strip", "chars?", strip_method<Side::kBoth>},
    {"title", "", title_method},
    {"upper", "", upper_method},
};

template <DictView::Part part>
Value view_method(Interpreter& i, const Value& self, Arguments&) {
  DictView* view = i.heap().make<DictView>();
  const Value value = Value::object(Kind::kView, view);
  Heap::hold(*view, self);
  view->part = part;
  view->dict = self;
  return value;
}

Value get_method(Interpreter&, const Value& self, Arguments& a) {
  if (const Value* found = self.get<Dict>().find(a.positional[0])) return *found;
  return a.positional[1].is_missing() ? Value::none() : a.positional[1];
}

Value copy_method(Interpreter&, const Value& self, Arguments&) { return self; }  // nothing can change it

const Builtin kDictMethods[] = {
    {"copy", "", copy_method},
    {"get", "key default?", get_method},
    {"items", "", view_method<DictView::Part::kItems>},
    {"keys", "", view_method<DictView::Part::kKeys>},
    {"values", "", view_method<DictView::Part::kValues>},
};

Value list_count(Interpreter& i, const Value& self, Arguments& a) {
  i.heap().step(self.items().size());
  return Value::integer(std::count_if(self.items().begin(), self.items().end(),
                                      [&](const Value& item) { return equals(item, a.positional[0]); }));
}

Value list_index(Interpreter& i, const Value& self, Arguments& a) {
  i.heap().step(self.items().size());
  const auto found = std::find_if(self.items().begin(), self.items().end(),
                                  [&](const Value& item) { return equals(item, a.positional[0]); });
  if (found == self.items().end()) fail("the value is not in the list");
  return Value::integer(found - self.items().begin());
}

const Builtin kListMethods[] = {
    {"copy", "", copy_method}, {"count", "value", list_count}, {"index", "value", list_index}};

Value loop_cycle(Interpreter&, const Value& self, Arguments& a) {
  if (a.positional.empty()) fail("loop.cycle() needs a value");
  return a.positional[self.get<Loop>().index % a.positional.size()];
}

Value loop_changed(Interpreter& i, const Value& self, Arguments& a) {
  Loop& loop = self.get<Loop>();
  const Value now = i.heap().tuple(a.positional);
  if (!loop.changed.is_missing() && equals(loop.changed, now)) return Value::boolean(false);
  if (loop.changed.is_missing()) i.keep(self);
  loop.changed = now;
  return Value::boolean(true);
}

const Builtin kLoopMethods[] = {{"changed", "*", loop_changed}, {"cycle", "*", loop_cycle}};

template <std::size_t n>
const Builtin* find_in_table(const Builtin (&table)[n], std::string_view name) {
  const Builtin* found = std::find_if(table, table + n, [&](const Builtin& b) { return b.name == name; });
  return found == table + n ? nullptr : found;
}

}  // namespace

const Builtin* find_method(Kind kind, std::string_view name) {
  switch (kind) {
    case Kind::kString: return find_in_table(kStringMethods, name);
    case Kind::kDict: return find_in_table(kDictMethods, name);
    case Kind::kList: return find_in_table(kListMethods, name);
    case Kind::kTuple: return name == "copy" ? nullptr : find_in_table(kListMethods, name);
    case Kind::kLoop: return find_in_table(kLoopMethods, name);
    default: return nullptr;
  }
}

bool is_unsafe_attribute(Kind kind, std::string_view name) {
  static constexpr std::string_view kOfDicts[] = {"clear", "fromkeys", "pop", "popitem", "setdefault", "update"};
  static constexpr std::string_view kOfLists[] = {"append", "clear",  "extend",  "insert",
                                                  "pop",    "remove", "reverse", "sort"};
  static constexpr std::string_view kOfStrings[] = {
      "casefold",    "center",  "encode", "expandtabs", "format", "format_map", "isascii",   "isidentifier",
      "isprintable", "istitle", "ljust",  "maketrans",  "rjust",  "swapcase",   "translate", "zfill"};
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (name.starts_with("__")) return true;
  return (kind == Kind::kDict && among(kOfDicts)) || (kind == Kind::kList && among(kOfLists)) ||
         (kind == Kind::kString && among(kOfStrings));
}

}  // namespace nibble::chat
