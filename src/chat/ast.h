// A parsed template: statements over expressions. Names are interned, so that looking one up compares addresses; filters
// and tests are resolved to functions while parsing.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "chat/value.h"

namespace nibble::chat {

struct Builtin;
using Name = const std::string*;  // interned in Program::names

enum class ExprKind : std::uint8_t {
  kConstant,
  kName,
  kTuple,
  kList,
  kDict,       // operands: key, value, key, value, ...
  kAttribute,  // a.b
  kItem,       // a[b]
  kSlice,      // a[b:c:d]: a, then start, stop, step, any of which may be null
  kCall,
  kFilter,  // the operand is null where a block is filtered
  kTest,
  kNot,
  kNegate,
  kPlus,
  kBinary,
  kAnd,
  kOr,
  kCompare,
  kConcat,
  kConditional,  // condition, then, else; else may be null
};

enum class Operator : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class Comparison : std::uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct ArgumentList {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<Name, ExprPtr>> named;
  ExprPtr rest, named_rest;  // *rest, **named_rest
};

struct Expr {
  ExprKind kind;
  int line = 0;
  int depth = 1;
  Operator op = Operator::kAdd;
  std::vector<ExprPtr> operands;
  std::vector<Comparison> comparisons;
  std::unique_ptr<ArgumentList> arguments;  // of a call, filter or test
  Value value;                              // of a constant; the name of an attribute
  Name name = nullptr;
  const Builtin* builtin = nullptr;  // of a filter or test
};

struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

struct MacroCode {  // of a macro or of a call block
  Name name = nullptr;
  std::vector<Name> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
  Body body;
};

enum class StmtKind : std::uint8_t {
  kText,
  kPrint,
  kIf,  // branches, then `otherwise`
  kFor,
  kSet,
  kSetBlock,
  kWith,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kScope,  // {% generation %}: a body whose variables end with it
  kBreak,
  kContinue,
};

struct Branch {
  ExprPtr condition;
  Body body;
};

struct Stmt {
  StmtKind kind;
  int line = 0;
  Value text;                    // kText
  std::vector<ExprPtr> targets;  // names, tuples of names, or (kSet) name.attribute
  std::vector<ExprPtr> exprs;    // printed; iterated; assigned; called
  std::vector<Branch> branches;
  Body body, otherwise;
  ExprPtr filter;  // of a set block or filter block; of a loop: its `if`
  bool recursive = false;
  std::unique_ptr<MacroCode> macro;
};

struct Program {
  std::string source;  // the name it has in messages
  std::string text;
  std::set<std::string, std::less<>> names;
  std::deque<String> strings;  // constants: shared by every rendering, never changed or counted; `body` points to them
  Body body;

  Name intern(std::string_view name) { return &*names.emplace(name).first; }
};

}  // namespace nibble::chat
