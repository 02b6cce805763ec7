#include "chat/parser.h"

#include <algorithm>
#include <utility>

namespace nibble::chat {

void Parser::run() {
  program_.body = parse_body({});
  if (now().kind != TokenKind::kEnd) fail_expected("the end of the template");
}

StmtPtr Parser::make_statement(StmtKind kind) {
  auto statement = std::make_unique<Stmt>();
  statement->kind = kind;
  statement->line = now().line;
  return statement;
}

// Statements up to a tag whose word is one of `ends`; that tag is left at its word.
Body Parser::parse_body(std::initializer_list<std::string_view> ends) {
  const Level level(*this, block_level_, kMaxBlockDepth, "blocks");
  Body body;
  while (now().kind != TokenKind::kEnd) {
    if (now().kind == TokenKind::kText) {
      StmtPtr text = make_statement(StmtKind::kText);
      text->text = string_constant(now().text);
      advance();
      body.push_back(std::move(text));
    } else if (now().kind == TokenKind::kPrintBegin) {
      advance();
      StmtPtr print = make_statement(StmtKind::kPrint);
      print->exprs.push_back(parse_tuple());
      if (now().kind != TokenKind::kPrintEnd) fail_expected("'}}'");
      advance();
      body.push_back(std::move(print));
    } else {
      advance();  // {%
      if (now().kind == TokenKind::kName && std::find(ends.begin(), ends.end(), now().text) != ends.end()) return body;
      body.push_back(parse_statement());
      if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
      advance();
    }
  }
  if (ends.size() != 0) fail_expected(fmt::format("{{% {} %}}", *(ends.end() - 1)));
  return body;
}

void Parser::end_tag(std::string_view name) {
  if (!accept_name(name)) fail_expected(fmt::format("'{}'", name));
}

StmtPtr Parser::parse_statement() {
  const std::string word = take_name();
  if (word == "if") return parse_if();
  if (word == "for") return parse_for();
  if (word == "set") return parse_set();
  if (word == "with") return parse_with();
  if (word == "macro") return parse_macro();
  if (word == "call") return parse_call_block();
  if (word == "filter") return parse_filter_block();
  if (word == "generation") {
    StmtPtr scope = make_statement(StmtKind::kScope);
    if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
    advance();
    scope->body = parse_body({"endgeneration"});
    end_tag("endgeneration");
    return scope;
  }
  if (word == "break" || word == "continue") {
    if (loop_level_ == 0) fail(fmt::format("'{}' outside a loop", word));
    return make_statement(word == "break" ? StmtKind::kBreak : StmtKind::kContinue);
  }
  fail(fmt::format("tag '{}' is not supported", word));
}

StmtPtr Parser::parse_if() {
  StmtPtr statement = make_statement(StmtKind::kIf);
  do {
    Branch branch;
    branch.condition = parse_tuple(/*with_condition=*/false);
    if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
    advance();
    branch.body = parse_body({"elif", "else", "endif"});
    statement->branches.push_back(std::move(branch));
  } while (accept_name("elif"));
  if (accept_name("else")) {
    if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
    advance();
    statement->otherwise = parse_body({"endif"});
  }
  end_tag("endif");
  return statement;
}

StmtPtr Parser::parse_for() {
  StmtPtr loop = make_statement(StmtKind::kFor);
  loop->targets.push_back(parse_target(/*with_namespace=*/false));
  if (!accept_name("in")) fail_expected("'in'");
  loop->exprs.push_back(parse_tuple(/*with_condition=*/false, "recursive"));
  if (accept_name("if")) loop->filter = parse_expression();
  loop->recursive = accept_name("recursive");
  if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
  advance();
  ++loop_level_;
  loop->body = parse_body({"else", "endfor"});
  --loop_level_;
  if (accept_name("else")) {
    if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
    advance();
    loop->otherwise = parse_body({"endfor"});
  }
  end_tag("endfor");
  return loop;
}

// A name, a tuple of names, or (for set) name.attribute.
ExprPtr Parser::parse_target(bool with_namespace) {
  const auto name = [&] {
    if (at_operator("(")) {
      const Level level(*this, expression_level_, kMaxExpressionDepth, "targets");
      expect("(");
      ExprPtr inner = parse_target(false);
      expect(")");
      return inner;
    }
    const std::string word = take_name();
    static constexpr std::string_view kReserved[] = {"true", "false", "none", "True", "False", "None"};
    if (std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved))
      fail(fmt::format("cannot assign to '{}'", word));
    ExprPtr target = make(ExprKind::kName);
    target->name = program_.intern(word);
    return target;
  };
  if (with_namespace && peek().kind == TokenKind::kOperator && peek().text == ".") {
    const Name owner = program_.intern(take_name());
    expect(".");
    const std::string attribute = take_name();
    ExprPtr target = make(ExprKind::kAttribute);
    target->name = owner;
    target->value = string_constant(attribute);
    return target;
  }
  std::vector<ExprPtr> names;
  names.push_back(name());
  if (!at_operator(",")) return std::move(names[0]);
  while (accept(",")) {
    if (at_name("in") || at_operator("=") || at_operator(")")) break;
    names.push_back(name());
  }
  return make(ExprKind::kTuple, std::move(names));
}

StmtPtr Parser::parse_set() {
  StmtPtr set = make_statement(StmtKind::kSet);
  set->targets.push_back(parse_target(/*with_namespace=*/true));
  if (accept("=")) {
    set->exprs.push_back(parse_tuple());
    return set;
  }
  set->kind = StmtKind::kSetBlock;
  if (at_operator("|")) set->filter = parse_filter_chain(nullptr, /*begun=*/false);
  if (now().kind != TokenKind::kBlockEnd) fail_expected("'=' or '%}'");
  advance();
  set->body = parse_body({"endset"});
  end_tag("endset");
  return set;
}

StmtPtr Parser::parse_with() {
  StmtPtr with = make_statement(StmtKind::kWith);
  while (now().kind != TokenKind::kBlockEnd) {
    if (!with->targets.empty()) expect(",");
    ExprPtr target = make(ExprKind::kName);
    target->name = program_.intern(take_name());
    with->targets.push_back(std::move(target));
    expect("=");
    with->exprs.push_back(parse_expression());
  }
  advance();
  with->body = parse_body({"endwith"});
  end_tag("endwith");
  return with;
}

void Parser::parse_signature(MacroCode& macro) {
  expect("(");
  while (!at_operator(")")) {
    if (!macro.parameters.empty()) expect(",");
    if (at_operator(")")) break;
    macro.parameters.push_back(program_.intern(take_name()));
    if (accept("=")) {
      macro.defaults.push_back(parse_expression());
    } else if (!macro.defaults.empty()) {
      fail("a parameter without a default behind one that has a default");
    }
  }
  expect(")");
}

void Parser::parse_macro_body(MacroCode& macro, std::string_view end) {
  if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
  advance();
  MacroCode* const outer = std::exchange(macro_, &macro);
  const int outer_loops = std::exchange(loop_level_, 0);
  macro.body = parse_body({end});
  macro_ = outer;
  loop_level_ = outer_loops;
  end_tag(end);
}

StmtPtr Parser::parse_macro() {
  StmtPtr statement = make_statement(StmtKind::kMacro);
  statement->macro = std::make_unique<MacroCode>();
  statement->macro->name = program_.intern(take_name());
  parse_signature(*statement->macro);
  parse_macro_body(*statement->macro, "endmacro");
  return statement;
}

StmtPtr Parser::parse_call_block() {
  StmtPtr statement = make_statement(StmtKind::kCallBlock);
  statement->macro = std::make_unique<MacroCode>();
  statement->macro->name = program_.intern("caller");
  if (at_operator("(")) parse_signature(*statement->macro);
  statement->exprs.push_back(parse_expression());
  if (statement->exprs[0]->kind != ExprKind::kCall) fail("expected a call");
  parse_macro_body(*statement->macro, "endcall");
  return statement;
}

StmtPtr Parser::parse_filter_block() {
  StmtPtr statement = make_statement(StmtKind::kFilterBlock);
  statement->filter = parse_filter_chain(nullptr, /*begun=*/true);
  if (now().kind != TokenKind::kBlockEnd) fail_expected("'%}'");
  advance();
  statement->body = parse_body({"endfilter"});
  end_tag("endfilter");
  return statement;
}

}  // namespace nibble::chat
