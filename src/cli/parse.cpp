// nibble parse: one turn of a model a line in, as text, in deltas or as token ids; the message it makes a line out.
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "chat/turn/message.h"
#include "chat/turn/token_reader.h"
#include "cli/cli.h"
#include "cli/json_lines.h"

namespace nibble::cli {
namespace {

using namespace chat::turn;
using tokenizer::Tokenizer;

struct ParseOptions {
  std::string model, tool_parser, reasoning_parser;
};

// What the answer to a line depends on besides the turn: the parts of a chat request that matter here.
struct Asked {
  explicit Asked(const JsonFields& line) {
    if (const json::value* list = line.raw().if_contains("tools")) {
      if (!list->is_array() && !list->is_null()) throw Error("{}: \"tools\": expected a list", line.source());
      has_tools = list->is_array() && !list->get_array().empty();
      if (has_tools) schemas.emplace(list->get_array());
    }
    const json::value* choice = line.find("tool_choice");
    const bool is_word = choice != nullptr && choice->is_string();
    report_calls = has_tools && !(is_word && choice->get_string() == "none");
    forced = choice != nullptr && (!is_word || choice->get_string() == "required");
    if (!line.boolean("parallel_tool_calls", true)) max_calls = 1;
    include_reasoning = line.boolean("include_reasoning", true);
  }
  bool has_tools = true;  // where nothing is said about tools
  bool report_calls = true, forced = false, include_reasoning = true;
  std::size_t max_calls = TurnOptions().max_calls;
  std::optional<ToolSchemas> schemas;
};

std::vector<int> read_ids(const JsonFields& line) {
  const json::value* list = line.find("output_ids");
  if (list == nullptr) return {};
  std::vector<int> ids;
  if (!list->is_array()) throw Error("{}: \"output_ids\": expected a list of token ids", line.source());
  for (const json::value& id : list->get_array()) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > std::numeric_limits<int>::max())
      throw Error("{}: \"output_ids\": expected token ids, found {}", line.source(), json::serialize(id));
    ids.push_back(int(id.get_int64()));
  }
  return ids;
}

void append(std::vector<Piece>& all, std::vector<Piece> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Piece> read_pieces(const JsonFields& line, const std::vector<std::string>& texts,
                               const std::optional<Tokenizer>& tokenizer) {
  std::vector<Piece> pieces;
  const std::vector<int> ids = read_ids(line);
  if (tokenizer && line.has("output_ids")) {
    TokenReader reader(*tokenizer);
    for (const int id : ids) append(pieces, reader.push(id));
    return pieces;
  }
  PieceSplitter splitter;
  for (const std::string& text : texts) append(pieces, splitter.push(text));
  append(pieces, splitter.finish());
  if (line.has("output_ids")) keep_special(pieces, ids);
  return pieces;
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

json::object answer(const ParseOptions& options, const std::optional<Tokenizer>& tokenizer, const JsonFields& line) {
  const bool whole = !line.has("deltas");
  const std::vector<std::string> texts =
      whole ? std::vector<std::string>{line.string("text", "")} : line.strings("deltas");
  if (whole && !line.has("text") && !(tokenizer && line.has("output_ids")))
    throw Error("{}: expected \"text\", \"deltas\" or, with MODEL, \"output_ids\"", line.source());
  const Asked asked(line);
  TurnOptions turn{.reasoning = !options.reasoning_parser.empty(),
                   .report_calls = asked.report_calls,
                   .max_calls = asked.max_calls,
                   .tools = asked.schemas ? &*asked.schemas : nullptr,
                   .in_thought = ends_in_thought(line.string("prompt", ""))};
  if (options.tool_parser == "gemma4") turn.calls = CallForm::kGemma4;
  if (options.tool_parser == "pythonic") turn.calls = CallForm::kPythonic;

  const std::vector<Piece> pieces = read_pieces(line, texts, tokenizer);
  Message message;
  if (whole) {
    message = read_message(pieces, turn);
  } else {
    TurnParser parser(turn);
    for (const Piece& piece : pieces) message.add(parser.push(piece));
    message.add(parser.finish());
    message.finish();
  }

  json::array calls;
  for (const FunctionCall& call : message.calls)
    calls.push_back(json::object{{"name", call.name}, {"arguments", call.arguments}});
  // As the reference server has it: a message is text, and where calls were asked for the text is empty.
  const bool is_text = calls.empty() ? turn.calls == CallForm::kPythonic : asked.forced;
  return {{"content", is_text ? json::value(message.content) : text_or_null(message.content)},
          {"reasoning_content", asked.include_reasoning ? text_or_null(message.reasoning) : json::value()},
          {"tool_calls", calls}};
}

void parse_lines(const ParseOptions& options) {
  std::optional<Tokenizer> tokenizer;
  if (!options.model.empty()) tokenizer = Tokenizer::load(options.model);
  answer_json_lines([&](const json::value& line, const std::string& source) {
    return answer(options, tokenizer, JsonFields(line, source));
  });
}

}  // namespace

void add_parse(CLI::App& app) {
  const auto options = std::make_shared<ParseOptions>();
  app.add_option("MODEL", options->model, "a directory with tokenizer.json, which gives \"output_ids\" their texts");
  app.add_option("--tool-parser", options->tool_parser, "gemma4 or pythonic: how calls are written")
      ->check(CLI::IsMember({"gemma4", "pythonic"}));
  app.add_option("--reasoning-parser", options->reasoning_parser, "gemma4: a channel is a thought")
      ->check(CLI::IsMember({"gemma4"}));
  app.footer("A line is {\"text\"}, {\"deltas\": [...]} or, with MODEL, {\"output_ids\": [...]}.");
  app.callback([options] { parse_lines(*options); });
}

}  // namespace nibble::cli
