#include "engine/text_stream.h"

#include <utility>

namespace nibble::engine {

TextStream::TextStream(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop, Special special)
    : n_vocab_(tokenizer.n_vocab()),
      decoder_(tokenizer, {.skip_special = special == Special::kSkip}),
      stop_({.stops = std::move(stop)}) {}

std::string TextStream::push(int id) {
  if (stopped()) return {};
  // A model may have rows behind its tokenizer's last token: they have no text.
  return stop_.push(id < n_vocab_ ? decoder_.push(id) : std::string());
}

std::string TextStream::finish() { return stopped() ? std::string() : stop_.finish(); }

}  // namespace nibble::engine
