// nibble tokenize and nibble detokenize: one JSON object a line in, one a line out, in the same order.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/json_lines.h"
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

void answer_lines(const std::string& model,
                  const std::function<json::object(const Tokenizer&, const JsonFields&)>& answer) {
  const Tokenizer tokenizer = Tokenizer::load(model);
  answer_json_lines(
      [&](const json::value& line, const std::string& source) { return answer(tokenizer, JsonFields(line, source)); });
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
