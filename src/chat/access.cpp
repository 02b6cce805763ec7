// What a template may reach from a value: attributes, elements, items. Nothing but data and the methods of methods.cpp.
#include <algorithm>

#include "chat/interpreter.h"
#include "chat/print.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

Value loop_attribute(Heap& heap, const Value& value, const Value& name) {
  const Loop& loop = value.get<Loop>();
  const std::string& key = name.text().bytes;
  const auto& items = loop.items.items();
  const Int index = Int(loop.index), length = Int(items.size());
  if (key == "index") return Value::integer(index + 1);
  if (key == "index0") return Value::integer(index);
  if (key == "revindex") return Value::integer(length - index);
  if (key == "revindex0") return Value::integer(length - index - 1);
  if (key == "first") return Value::boolean(index == 0);
  if (key == "last") return Value::boolean(index + 1 == length);
  if (key == "length") return Value::integer(length);
  if (key == "depth") return Value::integer(loop.level + 1);
  if (key == "depth0") return Value::integer(loop.level);
  if (key == "previtem") return index > 0 ? items[loop.index - 1] : heap.hint("there is no previous item");
  if (key == "nextitem") return index + 1 < length ? items[loop.index + 1] : heap.hint("there is no next item");
  return {};
}

// An element by its key; missing if there is none.
Value element(Heap& heap, const Value& object, const Value& key) {
  if (object.is(Kind::kDict)) {
    if (key.is(Kind::kList) || key.is(Kind::kDict)) return {};
    const Value* found = object.get<Dict>().find(key);
    return found == nullptr ? Value() : *found;
  }
  if (object.is(Kind::kNamespace) && key.is_string()) {
    const Value* found = object.get<Namespace>().find(key.text().bytes);
    return found == nullptr ? Value() : *found;
  }
  if (!key.is_integer()) return {};
  if (!object.is_string() && !object.is(Kind::kList) && !object.is(Kind::kTuple) && !object.is(Kind::kRange)) return {};
  const Int length = length_of(object);
  const Int index = key.as_integer() < 0 ? key.as_integer() + length : key.as_integer();
  if (index < 0 || index >= length) return {};
  if (object.is(Kind::kRange)) return Value::integer(object.get<Range>().start + index * object.get<Range>().step);
  if (!object.is_string()) return object.items()[std::size_t(index)];
  return slice(heap, object, Value::integer(index), Value::integer(index + 1), Value::none());
}

Value method_of(Heap& heap, const Value& object, std::string_view name) {
  const Builtin* builtin = find_method(object.kind(), name);
  if (builtin == nullptr) return {};
  Method* method = heap.make<Method>();
  Value value = Value::object(Kind::kMethod, method);
  Heap::hold(*method, object);
  method->builtin = builtin;
  method->self = object;
  return value;
}

}  // namespace

Value Interpreter::attribute(const Value& object, const Value& name) {
  if (object.is_undefined()) fail_undefined(object);
  const std::string& key = name.text().bytes;
  if (object.is(Kind::kNamespace)) {
    const Value found = element(heap_, object, name);
    return found.is_missing() ? Value::undefined(Absence::kAttribute, name, Kind::kNamespace) : found;
  }
  if (object.is(Kind::kLoop)) {
    Value found = loop_attribute(heap_, object, name);
    if (!found.is_missing()) return found;
  }
  if (object.is(Kind::kMacro) && key == "name") return heap_.string(*object.get<Macro>().code->name);
  if (Value method = method_of(heap_, object, key); !method.is_missing()) return method;
  if (is_unsafe_attribute(object.kind(), key)) return Value::undefined(Absence::kUnsafe, name, object.kind());
  if (Value found = element(heap_, object, name); !found.is_missing()) return found;
  return Value::undefined(Absence::kAttribute, name, object.kind());
}

Value Interpreter::item(const Value& object, const Value& key) {
  if (object.is_undefined()) fail_undefined(object);
  if (Value found = element(heap_, object, key); !found.is_missing()) return found;
  if (key.is_string() && !object.is(Kind::kNamespace)) {
    if (Value method = method_of(heap_, object, key.text().bytes); !method.is_missing()) return method;
    if (is_unsafe_attribute(object.kind(), key.text().bytes))
      return Value::undefined(Absence::kUnsafe, key, object.kind());
    return Value::undefined(Absence::kAttribute, key, object.kind());
  }
  return Value::undefined(Absence::kElement, heap_.string(repr_for_message(key)), object.kind());
}

Value Interpreter::items_of(const Value& value) {
  std::vector<Value> items;
  const auto room_for = [&](std::size_t n) {
    heap_.charge(n * sizeof(Value));  // before it is asked for; the list made of it is charged on its own
    heap_.release(n * sizeof(Value));
    heap_.step(n);
    items.reserve(n);
  };
  switch (value.kind()) {
    case Kind::kUndefined: break;
    case Kind::kList:
    case Kind::kTuple: return value;
    case Kind::kString: {
      const Text& text = value.text();
      room_for(std::size_t(value.get<String>().length()));
      for (std::size_t at = 0; at < text.bytes.size();) {
        const std::size_t begin = at;
        next_code_point(text.bytes, at);
        items.push_back(heap_.string(substring(heap_, text, begin, at)));
      }
      break;
    }
    case Kind::kDict:
      room_for(value.get<Dict>().entries.size());
      for (const auto& entry : value.get<Dict>().entries) items.push_back(entry.first);
      break;
    case Kind::kView: {
      const DictView& view = value.get<DictView>();
      room_for(view.dict.get<Dict>().entries.size());
      for (const auto& [key, item] : view.dict.get<Dict>().entries)
        items.push_back(view.part == DictView::Part::kKeys     ? key
                        : view.part == DictView::Part::kValues ? item
                                                               : heap_.tuple({key, item}));
      break;
    }
    case Kind::kRange: {
      const Range& range = value.get<Range>();
      room_for(std::size_t(range.length));
      for (std::int64_t i = 0; i < range.length; ++i) items.push_back(Value::integer(range.start + i * range.step));
      break;
    }
    case Kind::kIterator: {
      Iterator& iterator = value.get<Iterator>();
      room_for(iterator.items.size() - iterator.next);
      items.assign(iterator.items.begin() + std::ptrdiff_t(iterator.next), iterator.items.end());
      iterator.next = iterator.items.size();
      break;
    }
    default: fail("'{}' object is not iterable", type_name(value));
  }
  return heap_.list(std::move(items));
}

}  // namespace nibble::chat
