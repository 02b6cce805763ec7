#include "chat/value.h"

#include <algorithm>
#include <functional>

#include "chat/print.h"
#include "chat/unicode.h"

namespace nibble::chat {

Object::~Object() {
  if (heap != nullptr) heap->release(charged);
}

Value Value::undefined(Absence absence, const Value& name, Kind of) {
  Value v(Kind::kUndefined);
  v.absence_ = absence;
  v.of_ = of;
  v.object_ = name.is_string() ? name.object() : nullptr;
  v.retain();
  return v;
}

const Text& Value::text() const { return get<String>().text; }
const std::vector<Value>& Value::items() const { return get<List>().items; }

std::int64_t String::length() const {
  if (n_chars < 0) n_chars = std::int64_t(count_code_points(text.bytes));
  return n_chars;
}

Value Heap::string(Text text, bool markup) {
  String* s = make<String>(text.bytes.size() + text.data.size() * sizeof(Span));
  s->text = std::move(text);
  s->markup = markup;
  return Value::object(Kind::kString, s);
}

void Heap::hold(Object& holder, const Value& value) {
  const int depth = value.object() == nullptr ? 1 : value.object()->depth + 1;
  if (depth > kMaxValueDepth) fail("a value is nested deeper than {} levels", kMaxValueDepth);
  holder.depth = std::max(holder.depth, depth);
}

Value Heap::sequence(Kind kind, std::vector<Value> items) {
  List* list = make<List>(items.size() * sizeof(Value));
  Value value = Value::object(kind, list);
  for (const Value& item : items) hold(*list, item);
  list->items = std::move(items);
  return value;
}

Value Heap::dict(std::vector<std::pair<Value, Value>> entries) {
  Dict* dict = make<Dict>(entries.size() * (2 * sizeof(Value) + 8));
  Value value = Value::object(Kind::kDict, dict);
  for (auto& [key, item] : entries) {
    hold(*dict, key);
    hold(*dict, item);
    dict->set(std::move(key), std::move(item));
  }
  return value;
}

Value Heap::iterator(std::vector<Value> items, std::string_view type) {
  Iterator* iterator = make<Iterator>(items.size() * sizeof(Value));
  Value value = Value::object(Kind::kIterator, iterator);
  for (const Value& item : items) hold(*iterator, item);
  iterator->items = std::move(items);
  iterator->type = type;
  return value;
}

Value Heap::from_json(const json::value& value, bool from_data) {
  step();
  switch (value.kind()) {
    case json::kind::null: return Value::none();
    case json::kind::bool_: return Value::boolean(value.get_bool());
    case json::kind::int64: return Value::integer(value.get_int64());
    case json::kind::uint64: return Value::integer(value.get_uint64());
    case json::kind::double_: return Value::real(value.get_double());
    case json::kind::string: {
      const json::string& s = value.get_string();
      const std::string_view text(s.data(), s.size());
      return string(from_data ? Text::from_data(text) : Text::literal(text));
    }
    case json::kind::array: {
      std::vector<Value> items;
      items.reserve(value.get_array().size());
      for (const json::value& item : value.get_array()) items.push_back(from_json(item, from_data));
      return list(std::move(items));
    }
    case json::kind::object: {
      std::vector<std::pair<Value, Value>> entries;
      entries.reserve(value.get_object().size());
      for (const auto& [key, item] : value.get_object()) {
        const std::string_view name(key.data(), key.size());
        Value key_value = string(from_data ? Text::from_data(name) : Text::literal(name));
        entries.emplace_back(std::move(key_value), from_json(item, from_data));
      }
      return dict(std::move(entries));
    }
  }
  return {};
}

namespace {

// Below this many entries a look-up compares them one by one.
constexpr std::size_t kIndexFrom = 9;

}  // namespace

void Dict::build_index() const {
  std::size_t size = 16;
  while (size < entries.size() * 2 + 2) size *= 2;
  index_.assign(size, 0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::size_t slot = hash_of(entries[i].first) & (size - 1);
    while (index_[slot] != 0) slot = (slot + 1) & (size - 1);
    index_[slot] = std::uint32_t(i + 1);
  }
}

std::size_t Dict::probe(const Value& key, std::size_t hash) const {
  if (index_.size() < entries.size() * 2) build_index();
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = hash & mask;
  while (index_[slot] != 0 && !equals(entries[index_[slot] - 1].first, key)) slot = (slot + 1) & mask;
  return slot;
}

const Value* Dict::find(const Value& key) const {
  const std::size_t hash = hash_of(key);
  if (entries.size() < kIndexFrom) {
    for (const auto& [name, value] : entries)
      if (equals(name, key)) return &value;
    return nullptr;
  }
  const std::uint32_t found = index_.empty() ? 0 : index_[probe(key, hash)];
  if (!index_.empty()) return found == 0 ? nullptr : &entries[found - 1].second;
  build_index();
  return find(key);
}

const Value* Dict::find(std::string_view key) const {
  if (entries.size() < kIndexFrom) {
    for (const auto& [name, value] : entries)
      if (name.is_string() && name.text().bytes == key) return &value;
    return nullptr;
  }
  if (index_.size() < entries.size() * 2) build_index();
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = std::hash<std::string_view>()(key) & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    const auto& [name, value] = entries[index_[slot] - 1];
    if (name.is_string() && name.text().bytes == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  const std::size_t hash = hash_of(key);
  if (entries.size() < kIndexFrom) {
    for (auto& [name, old] : entries) {
      if (equals(name, key)) {
        old = std::move(value);
        return;
      }
    }
  } else {
    const std::size_t slot = probe(key, hash);
    if (index_[slot] != 0) {
      entries[index_[slot] - 1].second = std::move(value);
      return;
    }
    index_[slot] = std::uint32_t(entries.size() + 1);
  }
  entries.emplace_back(std::move(key), std::move(value));
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : attributes)
    if (key.text().bytes == name) return &value;
  return nullptr;
}

void Namespace::set(const Value& name, Value value) {
  if (name.text().bytes.starts_with('_'))
    fail(
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{}'. Please rename "
        "the attribute.",
        name.text().bytes);
  for (auto& [key, old] : attributes) {
    if (key.text().bytes == name.text().bytes) {
      old = std::move(value);
      return;
    }
  }
  if (attributes.size() >= 1000) fail("a namespace has more than 1000 attributes");
  attributes.emplace_back(name, std::move(value));
}

std::string_view type_name(Kind kind) {
  switch (kind) {
    case Kind::kMissing: return "missing";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kUndefined: return "Undefined";
    case Kind::kString: return "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kDict: return "dict";
    case Kind::kView: return "dict_view";
    case Kind::kRange: return "range";
    case Kind::kIterator: return "generator";
    case Kind::kNamespace: return "Namespace";
    case Kind::kMacro: return "Macro";
    case Kind::kFunction: return "function";
    case Kind::kMethod: return "builtin_function_or_method";
    case Kind::kLoop: return "LoopContext";
  }
  return "?";
}

std::string_view type_name(const Value& value) {
  if (value.is(Kind::kIterator)) return value.get<Iterator>().type;
  if (value.is(Kind::kView)) {
    const auto part = value.get<DictView>().part;
    return part == DictView::Part::kKeys ? "dict_keys" : part == DictView::Part::kValues ? "dict_values" : "dict_items";
  }
  if (value.is(Kind::kString) && value.get<String>().markup) return "Markup";
  return type_name(value.kind());
}

std::string absence_message(const Value& undefined) {
  const std::string name =
      undefined.object() == nullptr ? std::string("?") : static_cast<String*>(undefined.object())->text.bytes;
  const std::string of = undefined.absent_from() == Kind::kNone
                             ? std::string("None")
                             : fmt::format("{} object", type_name(undefined.absent_from()));
  switch (undefined.absence()) {
    case Absence::kName: return fmt::format("'{}' is undefined", name);
    case Absence::kAttribute: return fmt::format("'{}' has no attribute '{}'", of, name);
    case Absence::kElement: return fmt::format("{} has no element {}", of, name);
    case Absence::kUnsafe:
      return fmt::format("access to attribute '{}' of '{}' object is unsafe.", name,
                         type_name(undefined.absent_from()));
    case Absence::kHint: return name;
  }
  return name;
}

void fail_undefined(const Value& undefined) { throw Failure(absence_message(undefined)); }

}  // namespace nibble::chat
