// What a template computes with: Python's data types as far as a chat template can see them. Strings, lists and dicts
// never change once made (the reference sandbox forbids it); only a namespace has attributes that can be set.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "chat/text.h"

namespace nibble::chat {

__extension__ typedef __int128 Int;  // wide enough for every integer of JSON; arithmetic beyond it is an error

// Ends a rendering; Template::render adds the place and turns it into an Error.
struct Failure : std::exception {
  std::string message;
  explicit Failure(std::string text) : message(std::move(text)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(fmt::format(format, std::forward<Args>(args)...));
}

// What one rendering may cost. Each limit ends in an Error that names it.
struct Budget {
  std::uint64_t steps = 20'000'000;         // one a node evaluated, item visited or 64 bytes copied
  std::uint64_t output_bytes = 64u << 20;   // of the finished text
  std::uint64_t memory_bytes = 256u << 20;  // of everything alive at one time
  int depth = 1500;                         // nested evaluations
  int calls = 150;                          // nested calls of macros and recursive loops
};

// Bounds on what can be written down; they hold while parsing.
inline constexpr std::size_t kMaxTemplateBytes = 4u << 20;
inline constexpr int kMaxExpressionDepth = 250;  // parentheses, operators in a row, subscripts in a row
inline constexpr int kMaxBlockDepth = 100;       // {% if %} in {% for %} in ...
inline constexpr int kMaxValueDepth = 200;       // lists in lists

class Heap;

struct Object {  // what lives on the heap of one rendering, or (immortal) in the template
  static constexpr std::uint32_t kImmortal = ~0u;
  std::uint32_t references = 0;
  int depth = 0;  // of what it holds, so that no walk and no destructor goes deeper than kMaxValueDepth
  Heap* heap = nullptr;
  std::size_t charged = 0;
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object();
};

enum class Kind : std::uint8_t {
  kMissing,  // no value: an argument not given, a variable not set
  kNone,
  kBool,
  kInt,
  kFloat,
  kUndefined,  // every kind from here on may point to an Object
  kString,
  kList,
  kTuple,
  kDict,
  kView,      // dict.keys(), .values(), .items()
  kRange,     // range()
  kIterator,  // what map, select, reverse and others return: read once
  kNamespace,
  kMacro,
  kFunction,  // a built-in function
  kMethod,    // a built-in method with its object
  kLoop,
};

// Why a value is undefined: the words of the error if it is used after all.
enum class Absence : std::uint8_t { kName, kAttribute, kElement, kUnsafe, kHint };

struct String;
struct List;
struct Dict;

class Value {
 public:
  Value() : integer_(0) {}
  static Value none() { return Value(Kind::kNone); }
  static Value boolean(bool b) {
    Value v(Kind::kBool);
    v.integer_ = b;
    return v;
  }
  static Value integer(Int i) {
    Value v(Kind::kInt);
    v.integer_ = i;
    return v;
  }
  static Value real(double d) {
    Value v(Kind::kFloat);
    v.real_ = d;
    return v;
  }
  static Value object(Kind kind, Object* object) {
    Value v(kind);
    v.object_ = object;
    v.retain();
    return v;
  }
  // `name`: a string, an element, or (kHint) the message; `of`: the kind of the object asked.
  static Value undefined(Absence absence, const Value& name, Kind of = Kind::kMissing);

  Value(const Value& other) { copy(other), retain(); }
  Value(Value&& other) noexcept { copy(other), other.kind_ = Kind::kMissing; }
  Value& operator=(const Value& other) {
    if (this != &other) *this = Value(other);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    if (this != &other) {
      release();
      copy(other);
      other.kind_ = Kind::kMissing;
    }
    return *this;
  }
  ~Value() { release(); }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_missing() const { return kind_ == Kind::kMissing; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_integer() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }  // Python: True is 1
  bool is_number() const { return is_integer() || kind_ == Kind::kFloat; }
  bool as_bool() const { return integer_ != 0; }
  Int as_integer() const { return integer_; }
  double as_real() const { return kind_ == Kind::kFloat ? real_ : double(integer_); }
  Absence absence() const { return absence_; }
  Kind absent_from() const { return of_; }
  Object* object() const { return kind_ >= Kind::kUndefined ? object_ : nullptr; }
  template <typename T>
  T& get() const {
    return *static_cast<T*>(object_);
  }
  const Text& text() const;                 // of a string
  const std::vector<Value>& items() const;  // of a list or tuple

 private:
  explicit Value(Kind kind) : kind_(kind), integer_(0) {}
  void copy(const Value& other) {
    kind_ = other.kind_;
    absence_ = other.absence_;
    of_ = other.of_;
    integer_ = other.integer_;
  }
  void retain() {
    if (kind_ >= Kind::kUndefined && object_ != nullptr && object_->references != Object::kImmortal)
      ++object_->references;
  }
  void release() {
    if (kind_ >= Kind::kUndefined && object_ != nullptr && object_->references != Object::kImmortal &&
        --object_->references == 0)
      delete object_;
  }

  Kind kind_ = Kind::kMissing;
  Absence absence_ = Absence::kName;
  Kind of_ = Kind::kMissing;
  union {
    Int integer_;
    double real_;
    Object* object_;
  };
};

struct String : Object {
  Text text;
  bool markup = false;  // made by |safe or |escape: joining it with other text escapes that text
  mutable std::int64_t n_chars = -1;
  std::int64_t length() const;  // in code points
  bool is_ascii() const { return length() == std::int64_t(text.bytes.size()); }
};

struct List : Object {  // also a tuple
  std::vector<Value> items;
};

struct Dict : Object {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);  // while it is being made

 private:
  std::size_t probe(const Value& key, std::size_t hash) const;
  void build_index() const;
  mutable std::vector<std::uint32_t> index_;  // open addressing, entry + 1; empty while there are few entries
};

struct DictView : Object {
  enum class Part : std::uint8_t { kKeys, kValues, kItems } part = Part::kKeys;
  Value dict;
};

struct Range : Object {
  Int start = 0, stop = 0, step = 1;
  std::int64_t length = 0;
};

struct Iterator : Object {
  std::vector<Value> items;
  std::size_t next = 0;
  std::string_view type;  // "generator", "list_reverseiterator"
};

struct Namespace : Object {
  std::vector<std::pair<Value, Value>> attributes;  // names are strings
  const Value* find(std::string_view name) const;
  void set(const Value& name, Value value);
};

// Makes objects and counts what they cost. One a rendering; the objects in it end before it does.
class Heap {
 public:
  explicit Heap(const Budget& budget) : budget_(budget) {}
  const Budget& budget() const { return budget_; }

  void step(std::uint64_t n = 1) {
    steps_ += n;
    if (steps_ > budget_.steps) fail("gave up after {} steps: the template loops too long", budget_.steps);
  }
  void charge(std::size_t bytes) {
    step(bytes / 64);
    if (bytes > budget_.memory_bytes - live_bytes_) fail("needs more than {} bytes of memory", budget_.memory_bytes);
    live_bytes_ += bytes;
  }
  void release(std::size_t bytes) { live_bytes_ -= bytes; }
  std::uint64_t steps() const { return steps_; }

  Value string(Text text, bool markup = false);
  Value string(std::string_view literal) { return string(Text::literal(literal)); }
  Value list(std::vector<Value> items) { return sequence(Kind::kList, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Kind::kTuple, std::move(items)); }
  Value sequence(Kind kind, std::vector<Value> items);
  Value dict(std::vector<std::pair<Value, Value>> entries);  // a later entry replaces an earlier one of the same key
  Value iterator(std::vector<Value> items, std::string_view type = "generator");
  Value hint(std::string_view message) { return Value::undefined(Absence::kHint, string(message)); }
  // from_data: strings in it did not come from the template's side.
  Value from_json(const json::value& value, bool from_data);

  // Raises `holder`'s depth above that of what it is to hold.
  static void hold(Object& holder, const Value& value);

  // Any other object: counted with the bytes it says it needs.
  template <typename T>
  T* make(std::size_t extra_bytes = 0) {
    charge(sizeof(T) + extra_bytes);
    T* object = new T;
    object->heap = this;
    object->charged = sizeof(T) + extra_bytes;
    return object;
  }

 private:
  Budget budget_;
  std::uint64_t steps_ = 0, live_bytes_ = 0;
};

// "str", "int", "NoneType", "list": Python's name of the type.
std::string_view type_name(const Value& value);
std::string_view type_name(Kind kind);
// Why an undefined value is one: "'x' is undefined".
std::string absence_message(const Value& undefined);
[[noreturn]] void fail_undefined(const Value& undefined);

bool truthy(const Value& value);
bool equals(const Value& a, const Value& b);
std::size_t hash_of(const Value& value);  // fails for what Python calls unhashable
// Python's a < b; fails where the types have no order.
bool less(const Value& a, const Value& b);

}  // namespace nibble::chat
