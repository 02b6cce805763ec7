// Any text as a turn of the model: cut anywhere it gives the same message, arguments are JSON, and text that is no control
// comes out again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "chat/turn/json_text.h"
#include "chat/turn/message.h"
#include "tokenizer/utf8.h"

namespace {

using namespace nibble;
using namespace nibble::chat::turn;

[[noreturn]] void fail() { std::abort(); }

struct Outcome {
  Message message;
  Events events;  // joined
};

Outcome read(const std::vector<Piece>& pieces, const TurnOptions& options) {
  Outcome outcome;
  TurnParser parser(options);
  const auto take = [&](const Events& events) {
    for (const Event& event : events) {
      const bool is_text = event.kind != EventKind::kCall && event.kind != EventKind::kCallEnd;
      if (is_text) append_text(outcome.events, event.kind, event.text, event.call);
      if (!is_text) outcome.events.push_back(event);
    }
    outcome.message.add(events);
  };
  for (const Piece& piece : pieces) take(parser.push(piece));
  take(parser.finish());
  return outcome;
}

// Joined by kind: text of different kinds may come in another order where a cut lets it come earlier.
std::string joined(const Events& events) {
  std::string content, reasoning, calls;
  for (const Event& event : events) {
    std::string& out = event.kind == EventKind::kContent     ? content
                       : event.kind == EventKind::kReasoning ? reasoning
                                                             : calls;
    if (event.kind == EventKind::kCall) out += "\nCALL " + std::to_string(event.call) + ' ';
    if (event.kind == EventKind::kCallEnd) out += "\nEND ";
    out += event.text;
  }
  return content + '\1' + reasoning + '\1' + calls;
}

void check_calls(const Events& events) {
  int open = -1, n_calls = 0;
  std::string arguments;
  for (const Event& event : events) {
    if (event.kind == EventKind::kCall) {
      if (open >= 0 || event.call != n_calls || event.text.empty()) fail();
      open = n_calls++;
      arguments.clear();
    } else if (event.kind == EventKind::kArguments) {
      if (event.call != open) fail();
      arguments += event.text;
    } else if (event.kind == EventKind::kCallEnd) {
      if (event.call != open) fail();
      open = -1;
      // Numbers beyond a double are JSON, too, though not to canonical_json.
      if (arguments.find("1e999") == std::string::npos && !canonical_json(arguments)) {
        boost::system::error_code error;
        json::parse(arguments, error, {}, {.max_depth = 512});
        if (error) fail();
      }
    }
  }
  if (open >= 0) fail();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  static const json::array tools = {
      {{"name", "f"},
       {"parameters",
        {{"properties",
          {{"s", {{"type", "string"}}},
           {"i", {{"type", "integer"}}},
           {"n", {{"type", {"number", "null"}}}},
           {"b", {{"type", "boolean"}}},
           {"a", {{"type", "array"}, {"items", {{"type", "number"}}}}},
           {"o", {{"type", "object"}, {"properties", {{"i", {{"type", "integer"}}}}}}}}}}}}};
  static const ToolSchemas schemas(tools);
  TurnOptions options{.reasoning = (bytes[0] & 1) != 0, .report_calls = (bytes[0] & 2) == 0, .tools = &schemas};
  options.in_thought = (bytes[0] & 4) != 0;
  options.calls = CallForm((bytes[0] >> 3) % 3);
  if ((bytes[0] & 128) != 0) options.max_calls = 1;
  const std::size_t step = bytes[1] % 8 + 1;
  const std::string text(reinterpret_cast<const char*>(bytes + 2), size - 2);
  if (tokenizer::find_invalid_utf8(text)) return 0;

  PieceSplitter at_once;
  std::vector<Piece> whole = at_once.push(text);
  for (Piece& piece : at_once.finish()) whole.push_back(std::move(piece));
  PieceSplitter in_steps;
  std::vector<Piece> cut;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(at + step, text.size());
    while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
    for (Piece& piece : in_steps.push(text.substr(at, end - at))) cut.push_back(std::move(piece));
    at = end;
  }
  for (Piece& piece : in_steps.finish()) cut.push_back(std::move(piece));

  const Outcome one = read(whole, options);
  const Outcome other = read(cut, options);
  if (joined(one.events) != joined(other.events)) fail();
  check_calls(other.events);
  read_message(whole, options);

  // Ordinary text alone is content, unless it begins as a thought does or is a list of calls.
  const std::string plain = joined(read({{text, false}}, options).events);
  if (!options.in_thought && options.calls != CallForm::kPythonic && !text.starts_with('t') && plain != text + "\1\1")
    fail();
  return 0;
}
