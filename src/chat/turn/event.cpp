#include "chat/turn/event.h"

namespace nibble::chat::turn {

void append_text(Events& events, EventKind kind, std::string_view text, int call) {
  if (text.empty()) return;
  if (!events.empty() && events.back().kind == kind && events.back().call == call) {
    events.back().text += text;
  } else {
    events.push_back({kind, std::string(text), call});
  }
}

}  // namespace nibble::chat::turn
