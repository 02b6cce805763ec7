// Truth, equality, order and hashes, as Python defines them.
#include <cmath>
#include <functional>

#include "chat/unicode.h"
#include "chat/value.h"

namespace nibble::chat {
namespace {

bool is_sequence(const Value& value) { return value.is(Kind::kList) || value.is(Kind::kTuple); }

// Sign of a - b for an integer and a float; integers beyond 2^53 are compared exactly.
int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer())
    return a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer() ? 1 : 0;
  const double x = a.as_real(), y = b.as_real();
  if (x < y) return -1;
  if (x > y) return 1;
  if (!(x == y)) return 2;  // a NaN has no place in the order
  constexpr double kExact = 9007199254740992.0;
  if (a.is(Kind::kFloat) == b.is(Kind::kFloat) || std::abs(x) < kExact || std::abs(x) > 1e38) return 0;
  const Int i = a.is_integer() ? a.as_integer() : Int(x), j = b.is_integer() ? b.as_integer() : Int(y);
  return i < j ? -1 : i > j ? 1 : 0;
}

}  // namespace

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
    case Kind::kUndefined: return false;
    case Kind::kBool:
    case Kind::kInt: return value.as_integer() != 0;
    case Kind::kFloat: return value.as_real() != 0;
    case Kind::kString: return !value.text().bytes.empty();
    case Kind::kList:
    case Kind::kTuple: return !value.items().empty();
    case Kind::kDict: return !value.get<Dict>().entries.empty();
    case Kind::kView: return truthy(value.get<DictView>().dict);
    case Kind::kRange: return value.get<Range>().length != 0;
    default: return true;
  }
}

bool equals(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (is_sequence(a) && a.kind() == b.kind()) {
    const auto &x = a.items(), &y = b.items();
    if (&x == &y) return true;
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (a.get<List>().heap != nullptr) a.get<List>().heap->step();
      if (!equals(x[i], y[i])) return false;
    }
    return true;
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
    case Kind::kUndefined: return true;
    case Kind::kString: return a.object() == b.object() || a.text().bytes == b.text().bytes;
    case Kind::kDict: {
      const Dict &x = a.get<Dict>(), &y = b.get<Dict>();
      if (&x == &y) return true;
      if (x.entries.size() != y.entries.size()) return false;
      for (const auto& [key, value] : x.entries) {
        if (x.heap != nullptr) x.heap->step();
        const Value* other = y.find(key);
        if (other == nullptr || !equals(value, *other)) return false;
      }
      return true;
    }
    case Kind::kRange: {
      const Range &x = a.get<Range>(), &y = b.get<Range>();
      return x.length == y.length && (x.length == 0 || (x.start == y.start && (x.length == 1 || x.step == y.step)));
    }
    case Kind::kView: {
      const DictView &x = a.get<DictView>(), &y = b.get<DictView>();
      if (&x == &y) return true;
      if (x.part != y.part || x.part == DictView::Part::kValues) return false;
      if (x.part == DictView::Part::kItems) return equals(x.dict, y.dict);
      const Dict &p = x.dict.get<Dict>(), &q = y.dict.get<Dict>();
      if (p.entries.size() != q.entries.size()) return false;
      for (const auto& entry : p.entries)
        if (q.find(entry.first) == nullptr) return false;
      return true;
    }
    default: return a.object() == b.object();
  }
}

std::size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool:
    case Kind::kInt: return std::hash<std::int64_t>()(std::int64_t(value.as_integer()));
    case Kind::kFloat: {
      const double d = value.as_real();
      if (d == std::floor(d) && std::abs(d) < 9e18) return std::hash<std::int64_t>()(std::int64_t(d));
      return std::hash<double>()(d);
    }
    case Kind::kString: return std::hash<std::string_view>()(value.text().bytes);
    case Kind::kTuple: {
      std::size_t hash = 17;
      if (value.object()->heap != nullptr) value.object()->heap->step(value.items().size());
      for (const Value& item : value.items()) hash = hash * 1000003 ^ hash_of(item);
      return hash;
    }
    case Kind::kList:
    case Kind::kDict: fail("unhashable type: '{}'", type_name(value));
    case Kind::kNone:
    case Kind::kMissing: return 1;
    case Kind::kUndefined: return 2;
    default: return std::hash<const void*>()(value.object());
  }
}

bool less(const Value& a, const Value& b) {
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == -1;
  // Byte order of UTF-8 is the order of code points.
  if (a.is_string() && b.is_string()) return a.text().bytes < b.text().bytes;
  if (is_sequence(a) && a.kind() == b.kind()) {
    const auto &x = a.items(), &y = b.items();
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
      if (a.get<List>().heap != nullptr) a.get<List>().heap->step();
      if (!equals(x[i], y[i])) return less(x[i], y[i]);
    }
    return x.size() < y.size();
  }
  fail("'<' not supported between instances of '{}' and '{}'", type_name(a), type_name(b));
}

}  // namespace nibble::chat
