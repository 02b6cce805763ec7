#include "cli/turn_reader.h"

#include <iostream>

namespace nibble::cli {
namespace {

constexpr std::string_view kQuote = "\"\"\"";

class PipeReader : public TurnReader {
 public:
  std::optional<std::string> next() override {
    TurnBuilder turn;
    for (std::string line; std::getline(std::cin, line);)
      if (turn.add(line)) return turn.take();
    if (turn.started()) return turn.take();  // the input ended inside it
    return std::nullopt;
  }
};

}  // namespace

bool TurnBuilder::add(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (started_) text_ += '\n';
  if (!started_ && line.starts_with(kQuote)) {
    quoted_ = true;
    line.remove_prefix(kQuote.size());
  }
  started_ = true;
  if (quoted_) {
    const bool ends = line.ends_with(kQuote);
    if (ends) line.remove_suffix(kQuote.size());
    text_ += line;
    return ends;
  }
  const bool goes_on = line.ends_with('\\');
  if (goes_on) line.remove_suffix(1);
  text_ += line;
  return !goes_on;
}

std::string TurnBuilder::take() {
  std::string text = std::move(text_);
  if (quoted_) {  // quotes on lines of their own add no empty ones
    if (text.starts_with('\n')) text.erase(0, 1);
    if (text.ends_with('\n')) text.pop_back();
  }
  *this = TurnBuilder();
  return text;
}

std::unique_ptr<TurnReader> make_pipe_reader() { return std::make_unique<PipeReader>(); }

}  // namespace nibble::cli
