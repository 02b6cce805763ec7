// The global functions, how arguments find their parameters, and how a callable describes itself.
#include <algorithm>

#include "chat/interpreter.h"
#include "chat/print.h"

namespace nibble::chat {

void bind(const Builtin& builtin, Arguments& arguments) {
  if (builtin.parameters == "*") return;
  std::size_t n = 0;
  std::vector<Value> bound = std::move(arguments.positional);
  for (std::string_view rest = builtin.parameters; !rest.empty(); ++n) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    std::string_view name = rest.substr(0, space);
    rest.remove_prefix(std::min(space + 1, rest.size()));
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    const bool given = n < bound.size();
    if (!given) bound.emplace_back();
    for (auto& [key, value] : arguments.named) {
      if (key.is_missing() || key.text().bytes != name) continue;
      if (given) fail("{}() got two values for argument '{}'", builtin.name, name);
      bound[n] = std::move(value);
      key = {};
    }
    if (!optional && bound[n].is_missing()) fail("{}() needs argument '{}'", builtin.name, name);
  }
  for (const auto& named : arguments.named)
    if (!named.first.is_missing()) fail("{}() has no argument '{}'", builtin.name, named.first.text().bytes);
  if (bound.size() > n) fail("{}() takes at most {} arguments, found {}", builtin.name, n, bound.size());
  arguments.positional = std::move(bound);
}

std::int64_t integer_or(const Value& value, std::int64_t fallback) {
  if (value.is_missing() || value.is_none()) return fallback;
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_integer()) fail("expected an integer, found {}", type_name(value));
  constexpr Int kLimit = Int(1) << 62;
  return std::int64_t(std::clamp(value.as_integer(), -kLimit, kLimit));
}

bool truth_or(const Value& value, bool fallback) { return value.is_missing() ? fallback : truthy(value); }

std::string describe_callable(const Value& value) {
  switch (value.kind()) {
    case Kind::kMacro: return fmt::format("<Macro '{}'>", *value.get<Macro>().code->name);
    case Kind::kFunction: return fmt::format("<function {}>", value.get<Function>().builtin->name);
    case Kind::kMethod: return fmt::format("<built-in method {}>", value.get<Method>().builtin->name);
    case Kind::kLoop:
      return fmt::format("<LoopContext {}/{}>", value.get<Loop>().index + 1, value.get<Loop>().items.items().size());
    default: return fmt::format("<{} object>", type_name(value));
  }
}

namespace {

constexpr Int kMaxRange = 100'000;  // the reference sandbox's limit

Value make_range(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const auto integer = [](const Value& value) -> Int {
    if (!value.is_integer()) fail("range() needs integers, found {}", type_name(value));
    if (value.as_integer() > Int(1) << 62 || value.as_integer() < Int(-1) << 62) fail("range() is too large");
    return value.as_integer();
  };
  const std::vector<Value>& given = arguments.positional;
  Int start = 0, stop = integer(given[0]), step = 1;
  if (!given[1].is_missing()) start = stop, stop = integer(given[1]);
  if (!given[2].is_missing()) step = integer(given[2]);
  if (step == 0) fail("range() arg 3 must not be zero");
  const Int length = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
  if (length > kMaxRange)
    fail("range() of {} numbers: at most {} are allowed", print_integer(length), print_integer(kMaxRange));
  Range* range = interpreter.heap().make<Range>();
  range->start = start;
  range->stop = stop;
  range->step = step;
  range->length = std::int64_t(std::max(length, Int(0)));
  return Value::object(Kind::kRange, range);
}

// dict(mapping or pairs, name=value, ...)
Value make_dict(Interpreter& interpreter, const Value&, Arguments& arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1) fail("dict() takes at most one value");
  if (!arguments.positional.empty() && arguments.positional[0].is(Kind::kDict)) {
    entries = arguments.positional[0].get<Dict>().entries;
  } else if (!arguments.positional.empty()) {
    const Value pairs = interpreter.items_of(arguments.positional[0]);
    for (const Value& item : pairs.items()) {
      const Value pair = interpreter.items_of(item);
      if (pair.items().size() != 2) fail("dict() needs pairs");
      entries.emplace_back(pair.items()[0], pair.items()[1]);
    }
  }
  interpreter.heap().step(entries.size());
  for (auto& named : arguments.named) entries.push_back(std::move(named));
  return interpreter.heap().dict(std::move(entries));
}

Value make_namespace(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Value attributes = make_dict(interpreter, subject, arguments);
  Namespace* object = interpreter.heap().make<Namespace>(1024);
  const Value value = Value::object(Kind::kNamespace, object);
  interpreter.keep(value);
  for (const auto& [name, item] : attributes.get<Dict>().entries) {
    if (!name.is_string()) fail("namespace(): names must be strings");
    object->set(name, item);
  }
  return value;
}

Value raise_exception(Interpreter&, const Value&, Arguments& arguments) {
  const Value& message = arguments.positional[0];
  std::string text = message.is_string() ? message.text().bytes : repr_for_message(message);
  throw Failure(std::move(text));
}

Value strftime_now(Interpreter& interpreter, const Value&, Arguments& arguments) {
  const Value& format = arguments.positional[0];
  if (!format.is_string()) fail("strftime_now() needs a string");
  const std::tm time = interpreter.local_time();
  char text[1024];
  // A text of no characters and one that is too long look alike, so one character stands in front.
  const std::size_t n = std::strftime(text, sizeof text, ("." + format.text().bytes).c_str(), &time);
  if (n == 0) fail("strftime_now(): the text is longer than {} bytes", sizeof text);
  return interpreter.heap().string(std::string_view(text + 1, n - 1));
}

const Builtin kFunctions[] = {
    {"range", "start stop? step?", make_range}, {"dict", "*", make_dict},
    {"namespace", "*", make_namespace},         {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
};

}  // namespace

const Builtin* find_function(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Builtin& b) { return b.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

}  // namespace nibble::chat
