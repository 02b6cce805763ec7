#include <algorithm>
#include <utility>

#include "chat/builtin.h"
#include "chat/parser.h"

namespace nibble::chat {

Parser::Level::Level(Parser& parser, int& counter, int limit, const char* what) : level(counter) {
  if (level >= limit) parser.fail(fmt::format("{} nested deeper than {} levels", what, limit));
  ++level;
}

bool Parser::accept(std::string_view op) {
  if (!at_operator(op)) return false;
  advance();
  return true;
}

bool Parser::accept_name(std::string_view name) {
  if (!at_name(name)) return false;
  advance();
  return true;
}

void Parser::expect(std::string_view op) {
  if (!accept(op)) fail_expected(fmt::format("'{}'", op));
}

std::string Parser::take_name() {
  if (now().kind != TokenKind::kName) fail_expected("a name");
  std::string name = now().text;
  advance();
  return name;
}

void Parser::fail_expected(std::string_view what) const {
  std::string found;
  switch (now().kind) {
    case TokenKind::kText: found = "text"; break;
    case TokenKind::kPrintBegin: found = "'{{'"; break;
    case TokenKind::kPrintEnd: found = "'}}'"; break;
    case TokenKind::kBlockBegin: found = "'{%'"; break;
    case TokenKind::kBlockEnd: found = "'%}'"; break;
    case TokenKind::kString: found = "a string"; break;
    case TokenKind::kFloat: found = "a number"; break;
    case TokenKind::kEnd: found = "the end of the template"; break;
    default: found = "'" + now().text + "'";
  }
  fail(fmt::format("expected {}, found {}", what, found));
}

ExprPtr Parser::make(ExprKind kind, std::vector<ExprPtr> operands) {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = now().line;
  for (const ExprPtr& operand : operands)
    if (operand != nullptr) expr->depth = std::max(expr->depth, operand->depth + 1);
  if (expr->depth > kMaxExpressionDepth)
    fail(fmt::format("an expression nested deeper than {} levels", kMaxExpressionDepth));
  expr->operands = std::move(operands);
  return expr;
}

namespace {

std::vector<ExprPtr> list_of(ExprPtr a, ExprPtr b = nullptr, ExprPtr c = nullptr) {
  std::vector<ExprPtr> list;
  list.push_back(std::move(a));
  if (b != nullptr) list.push_back(std::move(b));
  if (c != nullptr) list.push_back(std::move(c));
  return list;
}

}  // namespace

ExprPtr Parser::constant(Value value) {
  ExprPtr expr = make(ExprKind::kConstant);
  expr->value = std::move(value);
  return expr;
}

Value Parser::string_constant(std::string text) {
  String& string = program_.strings.emplace_back();
  string.references = Object::kImmortal;
  string.text.bytes = std::move(text);
  string.length();  // counted now: renderings on other threads only read it
  return Value::object(Kind::kString, &string);
}

ExprPtr Parser::parse_expression(bool with_condition) {
  const Level level(*this, expression_level_, kMaxExpressionDepth, "expressions");
  ExprPtr expr = parse_or();
  while (with_condition && accept_name("if")) {
    std::vector<ExprPtr> parts;
    parts.push_back(parse_or());
    parts.push_back(std::move(expr));
    parts.push_back(accept_name("else") ? parse_expression() : nullptr);
    expr = make(ExprKind::kConditional, std::move(parts));
  }
  return expr;
}

// One expression, or a tuple without parentheses; `end_name` is a word that may follow a trailing comma.
ExprPtr Parser::parse_tuple(bool with_condition, std::string_view end_name, bool in_parentheses) {
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (true) {
    const TokenKind kind = now().kind;
    if (kind == TokenKind::kPrintEnd || kind == TokenKind::kBlockEnd || at_operator(")")) break;
    if (!end_name.empty() && at_name(end_name)) break;
    items.push_back(parse_expression(with_condition));
    if (!accept(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && items.size() == 1) return std::move(items[0]);
  if (items.empty() && !in_parentheses) fail_expected("an expression");
  return make(ExprKind::kTuple, std::move(items));
}

ExprPtr Parser::parse_or() {
  ExprPtr left = parse_and();
  while (accept_name("or")) left = make(ExprKind::kOr, list_of(std::move(left), parse_and()));
  return left;
}

ExprPtr Parser::parse_and() {
  ExprPtr left = parse_not();
  while (accept_name("and")) left = make(ExprKind::kAnd, list_of(std::move(left), parse_not()));
  return left;
}

ExprPtr Parser::parse_not() {
  if (!accept_name("not")) return parse_compare();
  const Level level(*this, expression_level_, kMaxExpressionDepth, "expressions");
  return make(ExprKind::kNot, list_of(parse_not()));
}

ExprPtr Parser::parse_compare() {
  static constexpr std::pair<std::string_view, Comparison> kSigns[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual}};
  std::vector<ExprPtr> operands = list_of(parse_sum());
  std::vector<Comparison> comparisons;
  while (true) {
    const auto* sign =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](const auto& s) { return at_operator(s.first); });
    if (sign != std::end(kSigns)) {
      advance();
      comparisons.push_back(sign->second);
    } else if (accept_name("in")) {
      comparisons.push_back(Comparison::kIn);
    } else if (at_name("not") && peek().kind == TokenKind::kName && peek().text == "in") {
      advance();
      advance();
      comparisons.push_back(Comparison::kNotIn);
    } else {
      break;
    }
    operands.push_back(parse_sum());
  }
  if (comparisons.empty()) return std::move(operands[0]);
  ExprPtr expr = make(ExprKind::kCompare, std::move(operands));
  expr->comparisons = std::move(comparisons);
  return expr;
}

ExprPtr Parser::parse_sum() {
  ExprPtr left = parse_concat();
  while (at_operator("+") || at_operator("-")) {
    const Operator op = at_operator("+") ? Operator::kAdd : Operator::kSubtract;
    advance();
    left = make(ExprKind::kBinary, list_of(std::move(left), parse_concat()));
    left->op = op;
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  std::vector<ExprPtr> parts = list_of(parse_product());
  while (accept("~")) parts.push_back(parse_product());
  return parts.size() == 1 ? std::move(parts[0]) : make(ExprKind::kConcat, std::move(parts));
}

ExprPtr Parser::parse_product() {
  static constexpr std::pair<std::string_view, Operator> kSigns[] = {
      {"*", Operator::kMultiply}, {"/", Operator::kDivide}, {"//", Operator::kFloorDivide}, {"%", Operator::kModulo}};
  ExprPtr left = parse_power();
  while (true) {
    const auto* sign =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](const auto& s) { return at_operator(s.first); });
    if (sign == std::end(kSigns)) return left;
    advance();
    left = make(ExprKind::kBinary, list_of(std::move(left), parse_power()));
    left->op = sign->second;
  }
}

ExprPtr Parser::parse_power() {
  ExprPtr left = parse_unary(true);
  while (accept("**")) {
    left = make(ExprKind::kBinary, list_of(std::move(left), parse_unary(true)));
    left->op = Operator::kPower;
  }
  return left;
}

ExprPtr Parser::parse_unary(bool with_filter) {
  ExprPtr expr;
  if (at_operator("-") || at_operator("+")) {
    const Level level(*this, expression_level_, kMaxExpressionDepth, "expressions");
    const ExprKind kind = at_operator("-") ? ExprKind::kNegate : ExprKind::kPlus;
    advance();
    expr = make(kind, list_of(parse_unary(false)));
  } else {
    expr = parse_primary();
  }
  expr = parse_postfix(std::move(expr));
  return with_filter ? parse_filters_and_tests(std::move(expr)) : std::move(expr);
}

ExprPtr Parser::parse_primary() {
  const Token token = now();
  switch (token.kind) {
    case TokenKind::kName: {
      advance();
      if (token.text == "true" || token.text == "True") return constant(Value::boolean(true));
      if (token.text == "false" || token.text == "False") return constant(Value::boolean(false));
      if (token.text == "none" || token.text == "None") return constant(Value::none());
      if (macro_ != nullptr) {
        macro_->uses_caller |= token.text == "caller";
        macro_->uses_varargs |= token.text == "varargs";
        macro_->uses_kwargs |= token.text == "kwargs";
      }
      ExprPtr expr = make(ExprKind::kName);
      expr->name = program_.intern(token.text);
      expr->value = string_constant(token.text);
      return expr;
    }
    case TokenKind::kString: {
      std::string text;
      for (; now().kind == TokenKind::kString; advance()) text += now().text;
      return constant(string_constant(std::move(text)));
    }
    case TokenKind::kInteger: advance(); return constant(Value::integer(token.integer));
    case TokenKind::kFloat: advance(); return constant(Value::real(token.real));
    default: break;
  }
  if (accept("(")) {
    ExprPtr expr = parse_tuple(true, {}, /*in_parentheses=*/true);
    expect(")");
    return expr;
  }
  if (accept("[")) {
    std::vector<ExprPtr> items;
    while (!at_operator("]")) {
      if (!items.empty()) expect(",");
      if (at_operator("]")) break;
      items.push_back(parse_expression());
    }
    expect("]");
    return make(ExprKind::kList, std::move(items));
  }
  if (at_operator("{")) return parse_dict();
  fail_expected("an expression");
}

ExprPtr Parser::parse_dict() {
  expect("{");
  std::vector<ExprPtr> items;
  while (!at_operator("}")) {
    if (!items.empty()) expect(",");
    if (at_operator("}")) break;
    items.push_back(parse_expression());
    expect(":");
    items.push_back(parse_expression());
  }
  expect("}");
  return make(ExprKind::kDict, std::move(items));
}

ExprPtr Parser::parse_postfix(ExprPtr expr) {
  while (true) {
    if (at_operator(".") || at_operator("[")) {
      expr = parse_subscript(std::move(expr));
    } else if (at_operator("(")) {
      expr = parse_call(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::parse_filters_and_tests(ExprPtr expr) {
  while (true) {
    if (at_operator("|")) {
      expr = parse_filter_chain(std::move(expr), /*begun=*/false);
    } else if (accept_name("is")) {
      expr = parse_test(std::move(expr));
    } else if (at_operator("(")) {
      expr = parse_call(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::parse_subscript(ExprPtr object) {
  if (accept(".")) {
    if (now().kind == TokenKind::kInteger) {
      const Int index = now().integer;
      advance();
      return make(ExprKind::kItem, list_of(std::move(object), constant(Value::integer(index))));
    }
    const std::string name = take_name();
    ExprPtr expr = make(ExprKind::kAttribute, list_of(std::move(object)));
    expr->name = program_.intern(name);
    expr->value = string_constant(name);
    return expr;
  }
  expect("[");
  std::vector<ExprPtr> bounds;
  bounds.push_back(std::move(object));
  bool is_slice = false;
  for (std::size_t n = 1; !at_operator("]"); ++n) {
    if (n > 3) fail_expected("']'");
    bounds.resize(n + 1);
    if (!at_operator(":")) bounds[n] = parse_expression();
    if (!accept(":")) break;
    is_slice = true;
  }
  if (at_operator(",")) fail("a subscript of several values is not supported");
  expect("]");
  if (is_slice) {
    bounds.resize(4);
    return make(ExprKind::kSlice, std::move(bounds));
  }
  if (bounds.size() != 2) fail("expected an expression in [ ]");
  return make(ExprKind::kItem, std::move(bounds));
}

ExprPtr Parser::parse_call(ExprPtr callee) {
  ExprPtr expr = make(ExprKind::kCall, list_of(std::move(callee)));
  expr->arguments = parse_arguments(expr->depth);
  return expr;
}

std::unique_ptr<ArgumentList> Parser::parse_arguments(int& depth) {
  expect("(");
  auto list = std::make_unique<ArgumentList>();
  const auto read = [&] {
    ExprPtr argument = parse_expression();
    depth = std::max(depth, argument->depth + 1);
    if (depth > kMaxExpressionDepth)
      fail(fmt::format("an expression nested deeper than {} levels", kMaxExpressionDepth));
    return argument;
  };
  for (bool first = true; !at_operator(")"); first = false) {
    if (!first) expect(",");
    if (at_operator(")")) break;
    const bool named = now().kind == TokenKind::kName && peek().kind == TokenKind::kOperator && peek().text == "=";
    if (accept("*")) {
      if (list->rest != nullptr || list->named_rest != nullptr) fail("invalid syntax for function call expression");
      list->rest = read();
    } else if (accept("**")) {
      if (list->named_rest != nullptr) fail("invalid syntax for function call expression");
      list->named_rest = read();
    } else if (named) {
      const Name name = program_.intern(take_name());
      expect("=");
      list->named.emplace_back(name, read());
    } else {
      if (!list->named.empty() || list->rest != nullptr || list->named_rest != nullptr)
        fail("a positional argument behind a named one");
      list->positional.push_back(read());
    }
  }
  expect(")");
  return list;
}

// | name(...) | name ...; `begun`: the first name is not preceded by '|'.
ExprPtr Parser::parse_filter_chain(ExprPtr operand, bool begun) {
  while (begun || accept("|")) {
    begun = false;
    const std::string name = take_name();
    const Builtin* filter = find_filter(name);
    if (filter == nullptr) fail(fmt::format("no filter named '{}'", name));
    std::vector<ExprPtr> operands;
    operands.push_back(std::move(operand));
    operand = make(ExprKind::kFilter, std::move(operands));
    operand->builtin = filter;
    if (at_operator("(")) operand->arguments = parse_arguments(operand->depth);
  }
  return operand;
}

ExprPtr Parser::parse_test(ExprPtr operand) {
  const bool negated = accept_name("not");
  const std::string name = take_name();
  const Builtin* test = find_test(name);
  if (test == nullptr) fail(fmt::format("no test named '{}'", name));
  ExprPtr expr = make(ExprKind::kTest, list_of(std::move(operand)));
  expr->builtin = test;
  const TokenKind kind = now().kind;
  const bool value_follows = kind == TokenKind::kName || kind == TokenKind::kString || kind == TokenKind::kInteger ||
                             kind == TokenKind::kFloat || at_operator("[") || at_operator("{");
  if (at_operator("(")) {
    expr->arguments = parse_arguments(expr->depth);
  } else if (value_follows && !at_name("else") && !at_name("or") && !at_name("and")) {
    if (at_name("is")) fail("a test cannot follow a test: use parentheses");
    const Level level(*this, expression_level_, kMaxExpressionDepth, "expressions");
    expr->arguments = std::make_unique<ArgumentList>();
    expr->arguments->positional.push_back(parse_postfix(parse_primary()));
    expr->depth = std::max(expr->depth, expr->arguments->positional[0]->depth + 1);
  }
  return negated ? make(ExprKind::kNot, list_of(std::move(expr))) : std::move(expr);
}

}  // namespace nibble::chat
