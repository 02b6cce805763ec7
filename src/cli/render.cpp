// nibble render: one conversation a line in, the prompt that the model's chat template makes of it a line out.
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "chat/load.h"
#include "cli/cli.h"
#include "cli/json_lines.h"

namespace nibble::cli {
namespace {

void render_lines(const std::string& model, const std::optional<std::string>& file) {
  const chat::ChatTemplate chat_template = chat::load_chat_template(model, file);
  answer_json_lines([&](const json::value& request, const std::string& source) -> json::object {
    if (!request.is_object()) throw Error("{}: expected an object", source);
    return {{"rendered", chat_template.render(request.get_object())}};
  });
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
