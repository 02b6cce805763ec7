// nibble render: one conversation a line in, the prompt that the model's chat template makes of it a line out.
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "chat/load.h"
#include "cli/cli.h"

namespace nibble::cli {
namespace {

// Answers each line before it reads the next, so that another program can talk to this one through pipes.
void render_lines(const std::string& model, const std::optional<std::string>& file) {
  const chat::ChatTemplate chat_template = chat::load_chat_template(model, file);
  std::string line;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    const std::string source = fmt::format("input line {}", number);
    const json::value request = parse_json(line, source);
    if (!request.is_object()) throw Error("{}: expected an object", source);
    std::string out;
    try {
      out = json::serialize(json::object{{"rendered", chat_template.render(request.get_object())}});
    } catch (const Error& error) {
      throw Error("{}: {}", source, error.what());
    }
    out += '\n';
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
      throw Error("standard output cannot be written");
  }
  if (std::cin.bad()) throw Error("standard input cannot be read");
}

}  // namespace

void add_render(CLI::App& app) {
  struct Options {
    std::string model;
    std::optional<std::string> file;
  };
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "the model's directory")->required();
  app.add_option("--chat-template", options->file, "a template file in place of the model's own");
  app.footer(
      "A line is {\"messages\", \"tools\", \"add_generation_prompt\", ...}: each key is a variable of the template.");
  app.callback([options] { render_lines(options->model, options->file); });
}

}  // namespace nibble::cli
