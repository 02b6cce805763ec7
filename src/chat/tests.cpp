// The tests of "value is test".
#include <algorithm>

#include "chat/interpreter.h"
#include "chat/unicode.h"

namespace nibble::chat {
namespace {

Value truth(bool b) { return Value::boolean(b); }

bool all_cased(const Value& value, CharClass wanted, CharClass other) {
  if (!value.is_string()) return false;
  bool any = false;
  const std::string& text = value.text().bytes;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (is(c, other) || is(c, CharClass::kTitle)) return false;
    any |= is(c, wanted);
  }
  return any;
}

Int remainder(const Value& value, Int divisor) {
  if (!value.is_integer()) fail("expected an integer, found {}", type_name(value));
  if (divisor == 0) fail("integer division or modulo by zero");
  return divisor == -1 ? 0 : value.as_integer() % divisor;
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kView:
    case Kind::kRange:
    case Kind::kIterator:
    case Kind::kLoop: return true;
    default: return false;
  }
}

bool is_sequence(const Value& value) {
  return is_iterable(value) && !value.is(Kind::kView) && !value.is(Kind::kIterator) && !value.is(Kind::kLoop);
}

bool is_callable(const Value& value) {
  return value.is(Kind::kMacro) || value.is(Kind::kFunction) || value.is(Kind::kMethod) || value.is(Kind::kLoop);
}

bool is_same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  return a.object() != nullptr ? a.object() == b.object() : equals(a, b);
}

template <Comparison comparison>
Value compared(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  return truth(compare(interpreter.heap(), comparison, subject, arguments.positional[0]));
}

const Builtin kTests[] = {
    {"!=", "other", compared<Comparison::kNotEqual>},
    {"boolean", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kBool)); }},
    {"callable", "", [](Interpreter&, const Value& v, Arguments&) { return truth(is_callable(v)); }},
    {"defined", "", [](Interpreter&, const Value& v, Arguments&) { return truth(!v.is_undefined()); }},
    {"divisibleby", "num",
     [](Interpreter&, const Value& v, Arguments& a) {
       if (!a.positional[0].is_integer()) fail("divisibleby: expected an integer");
       return truth(remainder(v, a.positional[0].as_integer()) == 0);
     }},
    {"eq", "other", compared<Comparison::kEqual>},
    {"equalto", "other", compared<Comparison::kEqual>},
    {"even", "", [](Interpreter&, const Value& v, Arguments&) { return truth(remainder(v, 2) == 0); }},
    {"false", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kBool) && !v.as_bool()); }},
    {"filter", "",
     [](Interpreter&, const Value& v, Arguments&) {
       return truth(v.is_string() && find_filter(v.text().bytes) != nullptr);
     }},
    {"float", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kFloat)); }},
    {"ge", "other", compared<Comparison::kGreaterEqual>},
    {"greaterthan", "other", compared<Comparison::kGreater>},
    {"gt", "other", compared<Comparison::kGreater>},
    {"in", "seq", compared<Comparison::kIn>},
    {"integer", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kInt)); }},
    {"iterable", "", [](Interpreter&, const Value& v, Arguments&) { return truth(is_iterable(v)); }},
    {"le", "other", compared<Comparison::kLessEqual>},
    {"lessthan", "other", compared<Comparison::kLess>},
    {"lower", "",
     [](Interpreter&, const Value& v, Arguments&) {
       return truth(all_cased(v, CharClass::kLower, CharClass::kUpper));
     }},
    {"lt", "other", compared<Comparison::kLess>},
    {"mapping", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kDict)); }},
    {"ne", "other", compared<Comparison::kNotEqual>},
    {"none", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is_none()); }},
    {"number", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is_number()); }},
    {"odd", "", [](Interpreter&, const Value& v, Arguments&) { return truth(remainder(v, 2) != 0); }},
    {"sameas", "other", [](Interpreter&, const Value& v, Arguments& a) { return truth(is_same(v, a.positional[0])); }},
    {"sequence", "", [](Interpreter&, const Value& v, Arguments&) { return truth(is_sequence(v)); }},
    {"string", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is_string()); }},
    {"test", "",
     [](Interpreter&, const Value& v, Arguments&) {
       return truth(v.is_string() && find_test(v.text().bytes) != nullptr);
     }},
    {"true", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is(Kind::kBool) && v.as_bool()); }},
    {"undefined", "", [](Interpreter&, const Value& v, Arguments&) { return truth(v.is_undefined()); }},
    {"upper", "",
     [](Interpreter&, const Value& v, Arguments&) {
       return truth(all_cased(v, CharClass::kUpper, CharClass::kLower));
     }},
};

}  // namespace

const Builtin* find_test(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kTests), std::end(kTests), [&](const Builtin& b) { return b.name == name; });
  return found == std::end(kTests) ? nullptr : found;
}

}  // namespace nibble::chat
