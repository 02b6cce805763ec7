// A whole turn as the message that an API answers with.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "chat/turn/turn_parser.h"

namespace nibble::chat::turn {

struct FunctionCall {
  std::string name, arguments;  // JSON
};

struct Message {
  std::string content, reasoning;
  std::vector<FunctionCall> calls;

  void add(const Events& events);
  void finish();  // behind the last event
};

// A turn that is complete before it is read. Then a <channel|> that nothing opened shows that all before it was a thought,
// which nobody can know while the turn is arriving; that alone differs from joining the events.
Message read_message(std::span<const Piece> turn, const TurnOptions& options);

}  // namespace nibble::chat::turn
