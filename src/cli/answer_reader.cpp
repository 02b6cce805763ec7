#include "cli/answer_reader.h"

#include <utility>

namespace nibble::cli {

using engine::TextStream;

AnswerReader::AnswerReader(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop)
    : tokenizer_(tokenizer),
      thought_begins_(tokenizer.id_of("<|channel>")),
      thought_ends_(tokenizer.id_of("<channel|>")),
      answer_(tokenizer, std::move(stop), TextStream::Special::kSkip) {}

Said AnswerReader::push(int id) {
  if (!thought_) {
    if (id != thought_begins_) return {.answer = answer_.push(id)};
    thought_.emplace(tokenizer_, std::vector<std::string>{}, TextStream::Special::kSkip);
    in_label_ = true;
    return {};
  }
  if (id != thought_ends_) return {.thought = without_label(thought_->push(id))};
  Said said{.thought = without_label(thought_->finish()) + '\n'};
  thought_.reset();
  return said;
}

Said AnswerReader::finish() {
  Said said{.answer = answer_.finish()};
  if (thought_) said.thought = without_label(thought_->finish());
  return said;
}

std::string AnswerReader::without_label(std::string text) {
  if (!in_label_) return text;
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return {};
  in_label_ = false;
  return text.substr(end + 1);
}

}  // namespace nibble::cli
