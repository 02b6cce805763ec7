// The operators of expressions, on values as Python has them.
#include <algorithm>
#include <cmath>

#include "chat/interpreter.h"
#include "chat/print.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

bool is_sequence(const Value& value) { return value.is(Kind::kList) || value.is(Kind::kTuple); }

[[noreturn]] void fail_operands(std::string_view sign, const Value& a, const Value& b) {
  if (a.is_string() && sign == "+") fail("can only concatenate str (not \"{}\") to str", type_name(b));
  fail("unsupported operand type(s) for {}: '{}' and '{}'", sign, type_name(a), type_name(b));
}

Value repeat(Heap& heap, const Value& object, Int times) {
  if (times < 0) times = 0;
  if (object.is_string()) {
    TextBuilder out(heap);
    if (!object.text().bytes.empty())
      for (Int i = 0; i < times; ++i) {
        heap.step();
        out.append(object.text());
      }
    return heap.string(out.take());
  }
  const Int size = Int(object.items().size());
  if (size > 0 && times > Int(heap.budget().memory_bytes / sizeof(Value)) / size)
    fail("needs more than {} bytes of memory", heap.budget().memory_bytes);
  heap.step(std::uint64_t(size * (size > 0 ? times : 0)));
  std::vector<Value> items;
  if (size > 0)
    for (Int i = 0; i < times; ++i) items.insert(items.end(), object.items().begin(), object.items().end());
  return heap.sequence(object.kind(), std::move(items));
}

Value of_reals(Operator op, double a, double b) {
  if (b == 0 && (op == Operator::kDivide || op == Operator::kFloorDivide || op == Operator::kModulo))
    fail("division by zero");
  switch (op) {
    case Operator::kAdd: return Value::real(a + b);
    case Operator::kSubtract: return Value::real(a - b);
    case Operator::kMultiply: return Value::real(a * b);
    case Operator::kDivide: return Value::real(a / b);
    case Operator::kPower: return Value::real(std::pow(a, b));
    case Operator::kModulo:
    case Operator::kFloorDivide: break;
  }
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  return Value::real(op == Operator::kModulo ? remainder : std::round((a - remainder) / b));
}

Int checked_power(Int base, Int exponent) {
  Int result = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 != 0 && __builtin_mul_overflow(result, base, &result)) fail("integer is too large");
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) fail("integer is too large");
  }
  return result;
}

Value of_integers(Operator op, Int a, Int b) {
  Int result = 0;
  bool overflow = false;
  switch (op) {
    case Operator::kAdd: overflow = __builtin_add_overflow(a, b, &result); break;
    case Operator::kSubtract: overflow = __builtin_sub_overflow(a, b, &result); break;
    case Operator::kMultiply: overflow = __builtin_mul_overflow(a, b, &result); break;
    case Operator::kPower:
      if (b < 0) return of_reals(op, double(a), double(b));
      result = checked_power(a, b);
      break;
    case Operator::kDivide: return of_reals(op, double(a), double(b));
    case Operator::kFloorDivide:
    case Operator::kModulo: {
      if (b == 0) fail("integer division or modulo by zero");
      if (b == -1) return op == Operator::kModulo ? Value::integer(0) : negate(Value::integer(a));
      Int quotient = a / b, remainder = a % b;
      if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b, --quotient;
      result = op == Operator::kModulo ? remainder : quotient;
      break;
    }
  }
  if (overflow) fail("integer is too large");
  return Value::integer(result);
}

}  // namespace

Value binary(Heap& heap, Operator op, const Value& a, const Value& b) {
  static constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
  if (a.is_integer() && b.is_integer()) return of_integers(op, a.as_integer(), b.as_integer());
  if (a.is_number() && b.is_number()) return of_reals(op, a.as_real(), b.as_real());
  if (op == Operator::kAdd && a.is_string() && b.is_string()) {
    if (!a.get<String>().markup && !b.get<String>().markup) return concatenate(heap, {a, b});
    const Value sum = concatenate(heap, {escape_html(heap, a), escape_html(heap, b)});
    return heap.string(sum.text(), /*markup=*/true);
  }
  if (op == Operator::kAdd && is_sequence(a) && a.kind() == b.kind()) {
    heap.step(a.items().size() + b.items().size());
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return heap.sequence(a.kind(), std::move(items));
  }
  if (op == Operator::kMultiply && b.is_integer() && (a.is_string() || is_sequence(a)))
    return repeat(heap, a, b.as_integer());
  if (op == Operator::kMultiply && a.is_integer() && (b.is_string() || is_sequence(b)))
    return repeat(heap, b, a.as_integer());
  if (op == Operator::kModulo && a.is_string()) fail("formatting with '%' is not supported: use '~'");
  fail_operands(kSigns[std::size_t(op)], a, b);
}

Value escape_html(Heap& heap, const Value& value) {
  if (value.is_string() && value.get<String>().markup) return value;
  const Value string = to_str(heap, value);
  const Text& text = string.text();
  TextBuilder out(heap);
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.bytes.size(); ++i) {
    static constexpr std::string_view kSigns = "&<>'\"";
    static constexpr std::string_view kEscapes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const std::size_t sign = kSigns.find(text.bytes[i]);
    if (sign == std::string_view::npos) continue;
    out.append(text, run, i);
    out.append_bytes(kEscapes[sign], text.is_data(i));
    run = i + 1;
  }
  out.append(text, run, text.bytes.size());
  return heap.string(out.take(), /*markup=*/true);
}

Value concatenate(Heap& heap, const std::vector<Value>& parts) {
  TextBuilder out(heap);
  for (const Value& part : parts) append_str(out, part);
  return heap.string(out.take());
}

Value negate(const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (value.is(Kind::kFloat)) return Value::real(-value.as_real());
  if (value.is_integer()) return of_integers(Operator::kSubtract, 0, value.as_integer());
  fail("bad operand type for unary -: '{}'", type_name(value));
}

bool contains(Heap& heap, const Value& container, const Value& item) {
  const auto among = [&](const std::vector<Value>& items) {
    heap.step(items.size());
    return std::any_of(items.begin(), items.end(), [&](const Value& other) { return equals(other, item); });
  };
  switch (container.kind()) {
    case Kind::kUndefined: return false;
    case Kind::kString:
      if (!item.is_string()) fail("'in <string>' requires string as left operand, not {}", type_name(item));
      heap.step(container.text().bytes.size() / 64);
      return container.text().bytes.find(item.text().bytes) != std::string::npos;
    case Kind::kList:
    case Kind::kTuple: return among(container.items());
    case Kind::kDict: return container.get<Dict>().find(item) != nullptr;
    case Kind::kView: {
      const DictView& view = container.get<DictView>();
      const auto& entries = view.dict.get<Dict>().entries;
      if (view.part == DictView::Part::kKeys) return view.dict.get<Dict>().find(item) != nullptr;
      heap.step(entries.size());
      for (const auto& [key, value] : entries) {
        if (view.part == DictView::Part::kValues ? equals(value, item) : equals(heap.tuple({key, value}), item))
          return true;
      }
      return false;
    }
    case Kind::kRange: {
      const Range& range = container.get<Range>();
      if (!item.is_number() || item.as_real() != std::floor(item.as_real()) || range.length == 0) return false;
      const Int offset = Int(item.as_real()) - range.start;
      return offset % range.step == 0 && offset / range.step >= 0 && offset / range.step < range.length;
    }
    case Kind::kIterator: {
      Iterator& iterator = container.get<Iterator>();
      while (iterator.next < iterator.items.size()) {
        heap.step();
        if (equals(iterator.items[iterator.next++], item)) return true;
      }
      return false;
    }
    default: fail("argument of type '{}' is not iterable", type_name(container));
  }
}

bool compare(Heap& heap, Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Comparison::kEqual: return equals(a, b);
    case Comparison::kNotEqual: return !equals(a, b);
    case Comparison::kLess: return less(a, b);
    case Comparison::kGreater: return less(b, a);
    case Comparison::kLessEqual: return less(a, b) || equals(a, b);
    case Comparison::kGreaterEqual: return less(b, a) || equals(a, b);
    case Comparison::kIn: return contains(heap, b, a);
    case Comparison::kNotIn: return !contains(heap, b, a);
  }
  return false;
}

std::int64_t length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kString: return value.get<String>().length();
    case Kind::kList:
    case Kind::kTuple: return std::int64_t(value.items().size());
    case Kind::kDict: return std::int64_t(value.get<Dict>().entries.size());
    case Kind::kView: return length_of(value.get<DictView>().dict);
    case Kind::kRange: return value.get<Range>().length;
    case Kind::kLoop: return std::int64_t(value.get<Loop>().items.items().size());
    default: fail("object of type '{}' has no len()", type_name(value));
  }
}

Value slice(Heap& heap, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail_undefined(object);
  if (!object.is_string() && !is_sequence(object)) fail("'{}' object cannot be sliced", type_name(object));
  const Int length = length_of(object);
  const auto integer = [](const Value& value) {
    if (!value.is_integer()) fail("slice indices must be integers or None, not {}", type_name(value));
    return std::clamp(value.as_integer(), Int(-1) << 62, Int(1) << 62);
  };
  const Int by = step.is_none() ? 1 : integer(step);
  if (by == 0) fail("slice step cannot be zero");
  const auto bound = [&](const Value& value, Int fallback) {
    if (value.is_none()) return fallback;
    Int at = integer(value);
    if (at < 0) at += length;
    return by > 0 ? std::clamp(at, Int(0), length) : std::clamp(at, Int(-1), length - 1);
  };
  const Int first = bound(start, by > 0 ? 0 : length - 1), last = bound(stop, by > 0 ? length : -1);
  if (is_sequence(object)) {
    std::vector<Value> items;
    for (Int i = first; by > 0 ? i < last : i > last; i += by) items.push_back(object.items()[std::size_t(i)]);
    heap.step(items.size());
    return heap.sequence(object.kind(), std::move(items));
  }
  const Text& text = object.text();
  const auto byte_at = [&](Int index) {
    heap.step(text.bytes.size() / 64);
    return object.get<String>().is_ascii() ? std::size_t(index) : byte_of_code_point(text.bytes, std::size_t(index));
  };
  TextBuilder out(heap);
  if (by == 1) {
    if (first < last) out.append(text, byte_at(first), byte_at(last));
  } else {
    for (Int i = first; by > 0 ? i < last : i > last; i += by) {
      heap.step();
      const std::size_t begin = byte_at(i);
      std::size_t end = begin;
      next_code_point(text.bytes, end);
      out.append(text, begin, end);
    }
  }
  return heap.string(out.take(), object.get<String>().markup);
}

}  // namespace nibble::chat
