// nibble tokenize and nibble detokenize: one JSON object a line in, one a line out, in the same order.
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "tokenizer/tokenizer.h"

namespace nibble::cli {
namespace {

using tokenizer::Tokenizer;

json::object tokenize(const Tokenizer& tokenizer, const JsonFields& line) {
  const std::vector<int> ids = tokenizer.encode(line.string("text"), line.boolean("parse_special", true));
  return {{"ids", json::array(ids.begin(), ids.end())}};
}

json::object detokenize(const Tokenizer& tokenizer, const JsonFields& line) {
  const json::value* list = line.find("ids");
  if (list == nullptr || !list->is_array()) throw Error("{}: \"ids\": expected a list of token ids", line.source());
  std::vector<int> ids;
  for (const json::value& id : list->get_array()) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= tokenizer.n_vocab())
      throw Error("{}: \"ids\": expected ids of 0 to {}, found {}", line.source(), tokenizer.n_vocab() - 1,
                  json::serialize(id));
    ids.push_back(int(id.get_int64()));
  }
  return {{"text", tokenizer.decode(ids, line.boolean("skip_special", false))}};
}

// Answers each line before it reads the next, so that another program can talk to this one through pipes.
void answer_lines(const std::string& model,
                  const std::function<json::object(const Tokenizer&, const JsonFields&)>& answer) {
  const Tokenizer tokenizer = Tokenizer::load(model);
  std::string line;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    const std::string source = fmt::format("input line {}", number);
    const json::value value = parse_json(line, source);
    std::string out;
    try {
      out = json::serialize(answer(tokenizer, JsonFields(value, source)));
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with(source)) throw;
      throw Error("{}: {}", source, error.what());
    }
    out += '\n';
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
      throw Error("standard output cannot be written");
  }
  if (std::cin.bad()) throw Error("standard input cannot be read");
}

}  // namespace

void add_tokenize(CLI::App& app) {
  const auto model = std::make_shared<std::string>();
  app.add_option("MODEL", *model, "the model's directory")->required();
  app.footer("A line is {\"text\"}, with an optional \"parse_special\": false that leaves special tokens text.");
  app.callback([model] { answer_lines(*model, tokenize); });
}

void add_detokenize(CLI::App& app) {
  const auto model = std::make_shared<std::string>();
  app.add_option("MODEL", *model, "the model's directory")->required();
  app.footer("A line is {\"ids\"}, with an optional \"skip_special\": true that leaves special tokens out.");
  app.callback([model] { answer_lines(*model, detokenize); });
}

}  // namespace nibble::cli
