#include "chat/turn/message.h"

#include <algorithm>
#include <optional>

#include "chat/turn/json_text.h"
#include "chat/turn/white_space.h"

namespace nibble::chat::turn {
namespace {

bool holds(std::span<const Piece> turn, std::string_view token) {
  return std::any_of(turn.begin(), turn.end(),
                     [&](const Piece& piece) { return piece.special && piece.text == token; });
}

bool lacks_opening(std::span<const Piece> turn) {
  if (holds(turn, kThoughtBegins)) return false;
  std::string begin;
  for (const Piece& piece : turn) {
    if (piece.special || begin.size() > 7) break;
    begin += piece.text;
  }
  return holds(turn, kThoughtEnds) || begin == "thought" || begin.starts_with("thought\n");
}

}  // namespace

void Message::add(const Events& events) {
  for (const Event& event : events) {
    switch (event.kind) {
      case EventKind::kContent: content += event.text; break;
      case EventKind::kReasoning: reasoning += event.text; break;
      case EventKind::kCall: calls.push_back({event.text, {}}); break;
      case EventKind::kArguments: calls[std::size_t(event.call)].arguments += event.text; break;
      case EventKind::kCallEnd: {
        // A parameter that was written twice has been sent twice; here only the last one stays.
        std::string& arguments = calls[std::size_t(event.call)].arguments;
        if (std::optional<std::string> once = canonical_json(arguments)) arguments = *std::move(once);
      }
    }
  }
}

void Message::finish() {
  if (!calls.empty()) content = std::string(trim(content));
}

Message read_message(std::span<const Piece> turn, const TurnOptions& options) {
  TurnOptions begins = options;
  begins.in_thought = false;  // whether the turn closes a thought tells more than where the prompt ended
  TurnParser parser(begins);
  Message message;
  if (lacks_opening(turn)) message.add(parser.push(kThoughtBegins, true));
  for (const Piece& piece : turn) message.add(parser.push(piece));
  message.add(parser.finish());
  message.finish();
  return message;
}

}  // namespace nibble::chat::turn
