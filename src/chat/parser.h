// Tokens -> Program, with jinja2's grammar and precedences. Depth is bounded here, so that whatever walks the result
// (the interpreter, the destructors) is bounded too.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/ast.h"
#include "chat/lexer.h"

namespace nibble::chat {

class Parser {
 public:
  Parser(Program& program, std::vector<Token> tokens) : program_(program), tokens_(std::move(tokens)) {}
  void run();

 private:
  // parser.cpp: statements
  Body parse_body(std::initializer_list<std::string_view> ends);
  StmtPtr parse_statement();
  StmtPtr parse_if();
  StmtPtr parse_for();
  StmtPtr parse_set();
  StmtPtr parse_with();
  StmtPtr parse_macro();
  StmtPtr parse_call_block();
  StmtPtr parse_filter_block();
  void parse_signature(MacroCode& macro);
  void parse_macro_body(MacroCode& macro, std::string_view end);
  ExprPtr parse_target(bool with_namespace);
  StmtPtr make_statement(StmtKind kind);
  void end_tag(std::string_view name);

  // expression_parser.cpp
  ExprPtr parse_expression(bool with_condition = true);
  ExprPtr parse_tuple(bool with_condition = true, std::string_view end_name = {}, bool in_parentheses = false);
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filter);
  ExprPtr parse_primary();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr expr);
  ExprPtr parse_filters_and_tests(ExprPtr expr);
  ExprPtr parse_subscript(ExprPtr object);
  ExprPtr parse_call(ExprPtr callee);
  ExprPtr parse_filter_chain(ExprPtr operand, bool begun);
  ExprPtr parse_test(ExprPtr operand);
  std::unique_ptr<ArgumentList> parse_arguments(int& depth);
  ExprPtr make(ExprKind kind, std::vector<ExprPtr> operands = {});
  ExprPtr constant(Value value);
  Value string_constant(std::string text);

  const Token& now() const { return tokens_[at_]; }
  const Token& peek() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  bool at_operator(std::string_view op) const { return now().kind == TokenKind::kOperator && now().text == op; }
  bool at_name(std::string_view name) const { return now().kind == TokenKind::kName && now().text == name; }
  bool accept(std::string_view op);
  bool accept_name(std::string_view name);
  void expect(std::string_view op);
  std::string take_name();
  void advance() {
    if (now().kind != TokenKind::kEnd) ++at_;
  }
  [[noreturn]] void fail(const std::string& message) const { fail_at(program_.source, now().line, message); }
  [[noreturn]] void fail_expected(std::string_view what) const;

  // Counts how deep the parser itself is in.
  struct Level {
    Level(Parser& parser, int& level, int limit, const char* what);
    ~Level() { --level; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    int& level;
  };

  Program& program_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int expression_level_ = 0, block_level_ = 0, loop_level_ = 0;
  MacroCode* macro_ = nullptr;  // the innermost one being read
};

}  // namespace nibble::chat
