// What a turn of the model turns out to be, piece by piece. Texts of one kind, joined in order, are the message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nibble::chat::turn {

enum class EventKind {
  kContent,
  kReasoning,
  kCall,       // a call begins: text is the function's name
  kArguments,  // more of that call's arguments, a fragment of JSON
  kCallEnd,    // its arguments are a whole JSON object now
};

struct Event {
  EventKind kind;
  std::string text;
  int call = -1;  // counts calls from 0
  bool operator==(const Event&) const = default;
};

using Events = std::vector<Event>;

// Joined to the last event where that is of the same kind and call; no event for no text.
void append_text(Events& events, EventKind kind, std::string_view text, int call = -1);

}  // namespace nibble::chat::turn
