// nibble grammar: whether texts are what a schema, a regular expression or a list of choices asks for.
#include "grammar/grammar.h"

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/json_lines.h"

namespace nibble::cli {
namespace {

struct Options {
  std::string schema, regex, tools;
  std::vector<std::string> choices;
  bool json_object = false;
};

// A list as in a request: {"type": "function", "function": {"name", "parameters"}}.
std::vector<grammar::Tool> read_tools(const std::string& path) {
  const json::value file = parse_json_file(path, grammar::kLimits.schema_bytes);
  if (!file.is_array()) throw Error("{}: expected a list of tools", path);
  std::vector<grammar::Tool> tools;
  for (const json::value& item : file.get_array()) {
    const auto function = JsonFields(item, path).object("function");
    if (!function) throw Error("{}: \"function\" is missing", path);
    const json::value* parameters = function->find("parameters");
    tools.push_back({function->string("name"), parameters == nullptr ? json::value(true) : *parameters});
  }
  return tools;
}

// Special tokens are text here; to a grammar they are more.
std::string with_special_tokens(std::string text) {
  for (const std::string_view token : {"<|tool_call>", "<tool_call|>", "<|\"|>"})
    for (std::size_t at = 0; (at = text.find(token, at)) != std::string::npos; at += token.size() + 1)
      text.insert(at, 1, '\xFF');
  return text;
}

grammar::Grammar compile(const Options& options) {
  if (!options.schema.empty())
    return grammar::Grammar::json_schema(parse_json_file(options.schema, grammar::kLimits.schema_bytes));
  if (!options.choices.empty()) return grammar::Grammar::choice(options.choices);
  if (options.json_object) return grammar::Grammar::json_object();
  if (!options.tools.empty()) return grammar::Grammar::tool_calls(read_tools(options.tools), true);
  return grammar::Grammar::regex(options.regex);
}

}  // namespace

void add_grammar(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::Option_group* const one = app.add_option_group("GRAMMAR");
  one->add_option("--schema", options->schema, "a file with a JSON Schema, draft 2020-12");
  one->add_option("--regex", options->regex, "a regular expression for the whole text");
  one->add_option("--choice", options->choices, "a text; may be repeated");
  one->add_option("--tools", options->tools,
                  "a file with a list of tools, as in a request: calls of them, as Gemma writes them");
  one->add_flag("--json-object", options->json_object, "any JSON object");
  one->require_option(1);
  app.footer("A line is {\"instance\"}: a text, of JSON where the grammar is a schema; the answer is {\"accepted\"}.");
  app.callback([options] {
    const grammar::Grammar grammar = compile(*options);
    answer_json_lines([&](const json::value& line, const std::string& source) -> json::object {
      grammar::Matcher matcher(grammar);
      std::string text = JsonFields(line, source).string("instance");
      if (!options->tools.empty()) text = with_special_tokens(std::move(text));
      return {{"accepted", matcher.advance(text) && matcher.may_end()}};
    });
  });
}

}  // namespace nibble::cli
