#include "tokenizer/stream.h"

#include "base/check.h"

namespace nibble::tokenizer {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, const Options& options)
    : tokenizer_(&tokenizer), skip_special_(options.skip_special) {
  for (const int id : options.prompt_ids) {
    tokenizer.decode_into(window_, id, skip_special_);
    tokenizer.decode_into(pending_, id, skip_special_);
  }
}

std::string StreamDecoder::push(int id) {
  if (std::optional<std::string> text = advance(id)) return *std::move(text);
  ++restarts_;
  window_ = pending_ = DecodedText();
  sent_.clear();
  std::optional<std::string> text = advance(id);
  check(text.has_value(), "with nothing sent, any text continues it");
  return *std::move(text);
}

std::optional<std::string> StreamDecoder::advance(int id) {
  // The prompt, if it ends in whole characters, counts as sent.
  if (sent_.empty() && window_.size() > 0 && !window_.ends_in_replacement()) {
    sent_ = window_.str();
    pending_ = DecodedText();
  }
  tokenizer_->decode_into(window_, id, skip_special_);
  tokenizer_->decode_into(pending_, id, skip_special_);
  if (window_.size() <= sent_.size() || window_.ends_in_replacement()) return std::string();
  std::string text = window_.str();
  if (!text.starts_with(sent_)) return std::nullopt;
  text.erase(0, sent_.size());
  window_ = std::move(pending_);
  pending_ = DecodedText();
  sent_ = window_.str();
  return text;
}

}  // namespace nibble::tokenizer
