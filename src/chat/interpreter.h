// One rendering: walks the program, with a chain of scopes for its variables and a heap that counts what it costs.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat/ast.h"
#include "chat/builtin.h"
#include "chat/callable.h"
#include "chat/value.h"

namespace nibble::chat {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<Name, Value>> variables;
  bool captured = false;  // a macro was defined in it, so it outlives its block

  Value* find(Name name);
  void set(Name name, Value value);
};

class Interpreter {
 public:
  Interpreter(const Program& program, const Budget& budget) : program_(program), heap_(budget) {}
  ~Interpreter();

  Text run(const json::object& data, const json::object& trusted);
  int line() const { return line_; }

  // For the built-in functions.
  Heap& heap() { return heap_; }
  Value attribute(const Value& object, const Value& name);
  Value item(const Value& object, const Value& key);
  Value items_of(const Value& value);  // what iterating over it gives, as a list or tuple
  Value call(const Value& callee, Arguments arguments);
  Value apply(const Builtin& builtin, const Value& subject, Arguments arguments);
  std::tm local_time() const;
  // Holds what may come to hold itself (a namespace, a loop) and breaks the ring when the rendering ends.
  void keep(const Value& value) { heap_.charge(sizeof(Value)), kept_values_.push_back(value); }

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Nested;  // a scope for as long as a block runs

  // interpreter.cpp
  Flow run_body(const Body& body);
  Flow run_statement(const Stmt& statement);
  void run_for(const Stmt& loop, const Value& items, int level);
  Value selected_items(const Stmt& loop, const Value& items);
  void assign(const Expr& target, const Value& value);
  Value capture(const Body& body);
  Value make_macro(const MacroCode& code);
  Value call_macro(const Macro& macro, Arguments arguments);
  Value call_loop(const Loop& loop, const Arguments& arguments);
  void print(const Value& value);

  // evaluate.cpp
  Value evaluate(const Expr& expr);
  Value evaluate_name(const Expr& expr);
  Value evaluate_compare(const Expr& expr);
  Value evaluate_call(const Expr& expr, const Value* caller = nullptr);
  Value evaluate_filter(const Expr& expr, const Value* input);
  Arguments evaluate_arguments(const ArgumentList* list);

  const Program& program_;
  Heap heap_;
  std::vector<std::unique_ptr<Scope>> kept_scopes_;
  std::vector<Value> kept_values_;
  Scope globals_, root_;
  Scope* scope_ = nullptr;
  TextBuilder* out_ = nullptr;
  std::string now_;
  int line_ = 1, depth_ = 0, calls_ = 0;
};

// operators.cpp
Value binary(Heap& heap, Operator op, const Value& a, const Value& b);
Value concatenate(Heap& heap, const std::vector<Value>& parts);  // ~
Value negate(const Value& value);
bool contains(Heap& heap, const Value& container, const Value& item);
bool compare(Heap& heap, Comparison comparison, const Value& a, const Value& b);
Value slice(Heap& heap, const Value& object, const Value& start, const Value& stop, const Value& step);
Value escape_html(Heap& heap, const Value& value);
std::int64_t length_of(const Value& value);

}  // namespace nibble::chat
