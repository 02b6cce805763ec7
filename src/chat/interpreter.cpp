#include "chat/interpreter.h"

#include <algorithm>

#include "chat/nesting.h"
#include "chat/print.h"

namespace nibble::chat {

Value* Scope::find(Name name) {
  for (auto& [key, value] : variables)
    if (key == name) return &value;
  return nullptr;
}

void Scope::set(Name name, Value value) {
  if (Value* old = find(name)) {
    *old = std::move(value);
  } else {
    variables.emplace_back(name, std::move(value));
  }
}

// A macro keeps its scope and the scopes around it until the rendering ends: they may hold the macro itself.
class Interpreter::Nested {
 public:
  Nested(Interpreter& interpreter, Scope* parent)
      : interpreter_(interpreter), previous_(interpreter.scope_), scope_(std::make_unique<Scope>()) {
    scope_->parent = parent;
    interpreter.scope_ = scope_.get();
  }
  ~Nested() {
    interpreter_.scope_ = previous_;
    if (scope_->captured) interpreter_.kept_scopes_.push_back(std::move(scope_));
  }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  Scope& scope() { return *scope_; }

 private:
  Interpreter& interpreter_;
  Scope* previous_;
  std::unique_ptr<Scope> scope_;
};

Interpreter::~Interpreter() {
  for (const auto& scope : kept_scopes_) scope->variables.clear();
  for (const Value& value : kept_values_) {
    if (value.is(Kind::kNamespace)) value.get<Namespace>().attributes.clear();
    if (value.is(Kind::kLoop)) value.get<Loop>().changed = {};
  }
}

Text Interpreter::run(const json::object& data, const json::object& trusted) {
  const auto add = [&](const json::object& variables, bool from_data) {
    for (const auto& [key, value] : variables) {
      const auto name = program_.names.find(std::string_view(key.data(), key.size()));
      if (name != program_.names.end()) globals_.set(&*name, heap_.from_json(value, from_data));
    }
  };
  add(trusted, false);
  add(data, true);
  if (const json::value* now = data.if_contains("now"); now != nullptr && now->is_string())
    now_ = json::value_to<std::string>(*now);
  root_.parent = &globals_;
  scope_ = &root_;
  TextBuilder out(heap_);
  out_ = &out;
  run_body(program_.body);
  return out.take();
}

void Interpreter::print(const Value& value) {
  append_str(*out_, value);
  if (out_->size() > heap_.budget().output_bytes) fail("the text is longer than {} bytes", heap_.budget().output_bytes);
}

Interpreter::Flow Interpreter::run_body(const Body& body) {
  for (const StmtPtr& statement : body)
    if (const Flow flow = run_statement(*statement); flow != Flow::kNext) return flow;
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_statement(const Stmt& s) {
  const Nesting depth(depth_, heap_.budget().depth, "the template nests too deep");
  heap_.step();
  line_ = s.line;
  switch (s.kind) {
    case StmtKind::kText: print(s.text); break;
    case StmtKind::kPrint: print(evaluate(*s.exprs[0])); break;
    case StmtKind::kIf:
      for (const Branch& branch : s.branches)
        if (truthy(evaluate(*branch.condition))) return run_body(branch.body);
      return run_body(s.otherwise);
    case StmtKind::kFor: run_for(s, items_of(evaluate(*s.exprs[0])), 0); break;
    case StmtKind::kSet: assign(*s.targets[0], evaluate(*s.exprs[0])); break;
    case StmtKind::kSetBlock: {
      Value text = capture(s.body);
      assign(*s.targets[0], s.filter == nullptr ? text : evaluate_filter(*s.filter, &text));
      break;
    }
    case StmtKind::kFilterBlock: {
      const Value text = capture(s.body);
      print(evaluate_filter(*s.filter, &text));
      break;
    }
    case StmtKind::kWith: {
      std::vector<Value> values;
      for (const ExprPtr& expr : s.exprs) values.push_back(evaluate(*expr));
      Nested nested(*this, scope_);
      for (std::size_t i = 0; i < values.size(); ++i) assign(*s.targets[i], values[i]);
      return run_body(s.body);
    }
    case StmtKind::kScope: {
      Nested nested(*this, scope_);
      return run_body(s.body);
    }
    case StmtKind::kMacro: scope_->set(s.macro->name, make_macro(*s.macro)); break;
    case StmtKind::kCallBlock: {
      const Value caller = make_macro(*s.macro);
      print(evaluate_call(*s.exprs[0], &caller));
      break;
    }
    case StmtKind::kBreak: return Flow::kBreak;
    case StmtKind::kContinue: return Flow::kContinue;
  }
  return Flow::kNext;
}

Value Interpreter::selected_items(const Stmt& loop, const Value& items) {
  std::vector<Value> selected;
  for (const Value& item : items.items()) {
    heap_.step();
    Nested nested(*this, scope_);
    assign(*loop.targets[0], item);
    if (truthy(evaluate(*loop.filter))) selected.push_back(item);
  }
  return heap_.list(std::move(selected));
}

void Interpreter::run_for(const Stmt& statement, const Value& all, int level) {
  const Value items = statement.filter == nullptr ? all : selected_items(statement, all);
  if (items.items().empty()) {
    Nested nested(*this, scope_);
    run_body(statement.otherwise);
    return;
  }
  Loop* loop = heap_.make<Loop>();
  const Value loop_value = Value::object(Kind::kLoop, loop);
  loop->statement = &statement;
  loop->scope = scope_;
  Heap::hold(*loop, items);
  loop->items = items;
  loop->level = level;
  const auto loop_name = program_.names.find(std::string_view("loop"));
  for (; loop->index < items.items().size(); ++loop->index) {
    heap_.step();
    Nested nested(*this, loop->scope);
    if (loop_name != program_.names.end()) nested.scope().set(&*loop_name, loop_value);
    assign(*statement.targets[0], items.items()[loop->index]);
    if (run_body(statement.body) == Flow::kBreak) break;
  }
}

void Interpreter::assign(const Expr& target, const Value& value) {
  switch (target.kind) {
    case ExprKind::kTuple: {
      const Value items = items_of(value);
      if (items.items().size() != target.operands.size())
        fail("cannot unpack {} values into {} names", items.items().size(), target.operands.size());
      for (std::size_t i = 0; i < target.operands.size(); ++i) assign(*target.operands[i], items.items()[i]);
      return;
    }
    case ExprKind::kAttribute: {
      const Value* owner = nullptr;
      for (Scope* scope = scope_; scope != nullptr && owner == nullptr; scope = scope->parent)
        owner = scope->find(target.name);
      if (owner == nullptr || !owner->is(Kind::kNamespace)) fail("cannot assign attribute on non-namespace object");
      heap_.charge(0);
      return owner->get<Namespace>().set(target.value, value);
    }
    default: return scope_->set(target.name, value);
  }
}

Value Interpreter::capture(const Body& body) {
  TextBuilder text(heap_);
  TextBuilder* const outer = std::exchange(out_, &text);
  try {
    Nested nested(*this, scope_);
    run_body(body);
  } catch (...) {
    out_ = outer;
    throw;
  }
  out_ = outer;
  return heap_.string(text.take());
}

Value Interpreter::make_macro(const MacroCode& code) {
  Macro* macro = heap_.make<Macro>(64);
  macro->code = &code;
  macro->scope = scope_;
  for (Scope* scope = scope_; scope != nullptr && !scope->captured; scope = scope->parent) scope->captured = true;
  return Value::object(Kind::kMacro, macro);
}

Value Interpreter::call_macro(const Macro& macro, Arguments arguments) {
  const Nesting calls(calls_, heap_.budget().calls, "macros call one another too deep");
  const MacroCode& code = *macro.code;
  Nested nested(*this, macro.scope);
  const auto name_of = [&](std::string_view text) { return &*program_.names.find(text); };
  const std::size_t n = code.parameters.size();
  std::vector<bool> given(n, false);
  for (std::size_t i = 0; i < n && i < arguments.positional.size(); ++i) {
    scope_->set(code.parameters[i], std::move(arguments.positional[i]));
    given[i] = true;
  }
  std::vector<std::pair<Value, Value>> extra;
  for (auto& argument : arguments.named) {
    const Value& key = argument.first;
    Value& value = argument.second;
    const auto parameter = std::find_if(code.parameters.begin(), code.parameters.end(),
                                        [&](Name name) { return *name == key.text().bytes; });
    if (parameter != code.parameters.end()) {
      const std::size_t i = std::size_t(parameter - code.parameters.begin());
      if (given[i]) fail("macro '{}' got two values for argument '{}'", *code.name, **parameter);
      scope_->set(*parameter, std::move(value));
      given[i] = true;
    } else if (key.text().bytes == "caller" && code.uses_caller) {
      scope_->set(name_of("caller"), std::move(value));
    } else if (code.uses_kwargs) {
      extra.emplace_back(key, std::move(value));
    } else {
      fail("macro '{}' takes no keyword argument '{}'", *code.name, key.text().bytes);
    }
  }
  if (arguments.positional.size() > n && !code.uses_varargs)
    fail("macro '{}' takes not more than {} argument(s)", *code.name, n);
  if (code.uses_varargs) {
    std::vector<Value> rest;
    for (std::size_t i = n; i < arguments.positional.size(); ++i) rest.push_back(std::move(arguments.positional[i]));
    scope_->set(name_of("varargs"), heap_.tuple(std::move(rest)));
  }
  if (code.uses_kwargs) scope_->set(name_of("kwargs"), heap_.dict(std::move(extra)));
  const std::size_t first_default = n - code.defaults.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (given[i]) continue;
    Value value = i >= first_default ? evaluate(*code.defaults[i - first_default])
                                     : heap_.hint(fmt::format("parameter '{}' was not provided", *code.parameters[i]));
    scope_->set(code.parameters[i], std::move(value));
  }
  const int line = line_;
  Value text = capture(code.body);
  line_ = line;
  return text;
}

Value Interpreter::call_loop(const Loop& loop, const Arguments& arguments) {
  if (!loop.statement->recursive) fail("the loop must have the 'recursive' marker to be called recursively");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) fail("loop() takes one argument");
  const Nesting calls(calls_, heap_.budget().calls, "a loop calls itself too deep");
  TextBuilder text(heap_);
  TextBuilder* const outer = std::exchange(out_, &text);
  Scope* const scope = std::exchange(scope_, loop.scope);
  const Stmt& statement = *loop.statement;
  const int level = loop.level + 1;
  try {
    run_for(statement, items_of(arguments.positional[0]), level);
  } catch (...) {
    out_ = outer;
    scope_ = scope;
    throw;
  }
  out_ = outer;
  scope_ = scope;
  return heap_.string(text.take());
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
  switch (callee.kind()) {
    case Kind::kUndefined: fail_undefined(callee);
    case Kind::kMacro: return call_macro(callee.get<Macro>(), std::move(arguments));
    case Kind::kLoop: return call_loop(callee.get<Loop>(), arguments);
    case Kind::kFunction: return apply(*callee.get<Function>().builtin, {}, std::move(arguments));
    case Kind::kMethod: return apply(*callee.get<Method>().builtin, callee.get<Method>().self, std::move(arguments));
    default: fail("'{}' object is not callable", type_name(callee));
  }
}

Value Interpreter::apply(const Builtin& builtin, const Value& subject, Arguments arguments) {
  heap_.step();
  bind(builtin, arguments);
  return builtin.call(*this, subject, arguments);
}

std::tm Interpreter::local_time() const {
  std::tm time = {};
  if (now_.empty()) {
    const std::time_t seconds = std::time(nullptr);
    localtime_r(&seconds, &time);
    return time;
  }
  const char* end = strptime(now_.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (end == nullptr || *end != '\0') fail("\"now\": expected a time like 2026-03-04T05:06:07, found \"{}\"", now_);
  return time;
}

}  // namespace nibble::chat
