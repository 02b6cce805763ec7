#include "cli/answer_reader.h"

#include <utility>

namespace nibble::cli {

using chat::turn::Event;
using chat::turn::EventKind;

AnswerReader::AnswerReader(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop)
    : tokens_(tokenizer), parser_({}), stop_({.stops = std::move(stop)}) {}

Said AnswerReader::push(int id) {
  Said said;
  for (const chat::turn::Piece& piece : tokens_.push(id)) add(said, parser_.push(piece));
  return said;
}

Said AnswerReader::finish() {
  Said said;
  add(said, parser_.finish());
  if (!stopped()) said.answer += stop_.finish();
  return said;
}

void AnswerReader::add(Said& said, const chat::turn::Events& events) {
  for (const Event& event : events) {
    if (event.kind == EventKind::kReasoning) {
      said.thought += event.text;
      in_thought_ = true;
    } else if (event.kind == EventKind::kContent && !stopped()) {
      if (std::exchange(in_thought_, false)) said.thought += '\n';
      said.answer += stop_.push(event.text);
    }
  }
}

}  // namespace nibble::cli
