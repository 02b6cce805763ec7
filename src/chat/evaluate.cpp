// The interpreter's expressions.
#include "chat/interpreter.h"
#include "chat/nesting.h"
#include "chat/print.h"

namespace nibble::chat {

Value Interpreter::evaluate_name(const Expr& expr) {
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent)
    if (const Value* value = scope->find(expr.name)) return *value;
  if (const Builtin* builtin = find_function(*expr.name)) {
    Function* function = heap_.make<Function>();
    function->builtin = builtin;
    return Value::object(Kind::kFunction, function);
  }
  return Value::undefined(Absence::kName, expr.value);
}

Value Interpreter::evaluate(const Expr& expr) {
  const Nesting depth(depth_, heap_.budget().depth, "the template nests too deep");
  heap_.step();
  const auto operand = [&](std::size_t i) { return evaluate(*expr.operands[i]); };
  switch (expr.kind) {
    case ExprKind::kConstant: return expr.value;
    case ExprKind::kName: return evaluate_name(expr);
    case ExprKind::kTuple:
    case ExprKind::kList: {
      std::vector<Value> items;
      for (const ExprPtr& item : expr.operands) items.push_back(evaluate(*item));
      return heap_.sequence(expr.kind == ExprKind::kTuple ? Kind::kTuple : Kind::kList, std::move(items));
    }
    case ExprKind::kDict: {
      std::vector<std::pair<Value, Value>> entries;
      for (std::size_t i = 0; i < expr.operands.size(); i += 2) {
        Value key = operand(i);
        entries.emplace_back(std::move(key), operand(i + 1));
      }
      return heap_.dict(std::move(entries));
    }
    case ExprKind::kAttribute: {
      const Value object = operand(0);
      line_ = expr.line;
      return attribute(object, expr.value);
    }
    case ExprKind::kItem: {
      const Value object = operand(0), key = operand(1);
      line_ = expr.line;
      return item(object, key);
    }
    case ExprKind::kSlice: {
      const auto bound = [&](std::size_t i) { return expr.operands[i] == nullptr ? Value::none() : operand(i); };
      const Value object = operand(0), start = bound(1), stop = bound(2), step = bound(3);
      return slice(heap_, object, start, stop, step);
    }
    case ExprKind::kCall: return evaluate_call(expr);
    case ExprKind::kFilter: return evaluate_filter(expr, nullptr);
    case ExprKind::kTest: {
      const Value subject = operand(0);
      Arguments arguments = evaluate_arguments(expr.arguments.get());
      line_ = expr.line;
      return apply(*expr.builtin, subject, std::move(arguments));
    }
    case ExprKind::kNot: return Value::boolean(!truthy(operand(0)));
    case ExprKind::kNegate: return negate(operand(0));
    case ExprKind::kPlus: return negate(negate(operand(0)));
    case ExprKind::kBinary: {
      const Value a = operand(0), b = operand(1);
      line_ = expr.line;
      return binary(heap_, expr.op, a, b);
    }
    case ExprKind::kAnd: {
      Value left = operand(0);
      return truthy(left) ? operand(1) : left;
    }
    case ExprKind::kOr: {
      Value left = operand(0);
      return truthy(left) ? left : operand(1);
    }
    case ExprKind::kCompare: return evaluate_compare(expr);
    case ExprKind::kConcat: {
      std::vector<Value> parts;
      for (const ExprPtr& part : expr.operands) parts.push_back(evaluate(*part));
      return concatenate(heap_, parts);
    }
    case ExprKind::kConditional: {
      if (truthy(operand(0))) return operand(1);
      if (expr.operands[2] != nullptr) return operand(2);
      return heap_.hint("the inline if-expression evaluated to false and no else section was defined");
    }
  }
  return {};
}

Value Interpreter::evaluate_compare(const Expr& expr) {
  Value left = evaluate(*expr.operands[0]);
  for (std::size_t i = 0; i < expr.comparisons.size(); ++i) {
    Value right = evaluate(*expr.operands[i + 1]);
    line_ = expr.line;
    if (!compare(heap_, expr.comparisons[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Arguments Interpreter::evaluate_arguments(const ArgumentList* list) {
  Arguments arguments;
  if (list == nullptr) return arguments;
  for (const ExprPtr& expr : list->positional) arguments.positional.push_back(evaluate(*expr));
  if (list->rest != nullptr) {
    const Value rest = items_of(evaluate(*list->rest));
    for (const Value& value : rest.items()) arguments.positional.push_back(value);
  }
  const auto add = [&](Value name, Value value) {
    for (const auto& given : arguments.named)
      if (given.first.text().bytes == name.text().bytes)
        fail("two values for keyword argument '{}'", name.text().bytes);
    arguments.named.emplace_back(std::move(name), std::move(value));
  };
  for (const auto& [name, expr] : list->named) add(heap_.string(*name), evaluate(*expr));
  if (list->named_rest != nullptr) {
    const Value rest = evaluate(*list->named_rest);
    if (!rest.is(Kind::kDict)) fail("argument after ** must be a mapping, not {}", type_name(rest));
    for (const auto& [name, value] : rest.get<Dict>().entries) {
      if (!name.is_string()) fail("keywords must be strings");
      heap_.step(arguments.named.size());
      add(name, value);
    }
  }
  return arguments;
}

Value Interpreter::evaluate_call(const Expr& expr, const Value* caller) {
  const Value callee = evaluate(*expr.operands[0]);
  Arguments arguments = evaluate_arguments(expr.arguments.get());
  if (caller != nullptr) arguments.named.emplace_back(heap_.string("caller"), *caller);
  line_ = expr.line;
  return call(callee, std::move(arguments));
}

// `input`: what a block holds, for the innermost filter of its chain.
Value Interpreter::evaluate_filter(const Expr& expr, const Value* input) {
  const Nesting depth(depth_, heap_.budget().depth, "the template nests too deep");
  const Expr* operand = expr.operands[0].get();
  const Value subject = operand == nullptr                                       ? *input
                        : input != nullptr && operand->kind == ExprKind::kFilter ? evaluate_filter(*operand, input)
                                                                                 : evaluate(*operand);
  Arguments arguments = evaluate_arguments(expr.arguments.get());
  line_ = expr.line;
  return apply(*expr.builtin, subject, std::move(arguments));
}

}  // namespace nibble::chat
