#include "chat/template.h"

#include "base/error.h"
#include "chat/ast.h"
#include "chat/interpreter.h"
#include "chat/lexer.h"
#include "chat/parser.h"

namespace nibble::chat {

Template::Template(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Template Template::parse(std::string text, std::string name) {
  auto program = std::make_unique<Program>();
  program->source = std::move(name);
  program->text = std::move(text);
  Parser(*program, tokenize(program->text, program->source)).run();
  return Template(std::move(program));
}

const std::string& Template::text() const { return program_->text; }

std::string Template::render(const json::object& variables) const { return render_text(variables, {}).bytes; }

Text Template::render_text(const json::object& data, const json::object& trusted) const {
  Interpreter interpreter(*program_, Budget());
  try {
    return interpreter.run(data, trusted);
  } catch (const Failure& failure) {
    fail_at(program_->source, interpreter.line(), failure.message);
  }
}

}  // namespace nibble::chat
