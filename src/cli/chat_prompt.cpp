#include "cli/chat_prompt.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace nibble::cli {
namespace {

bool overlaps_data(const chat::Text& text, std::size_t begin, std::size_t end) {
  const auto behind = std::partition_point(text.data.begin(), text.data.end(),
                                           [&](const chat::Span& span) { return span.end <= begin; });
  return behind != text.data.end() && behind->begin < end;
}

}  // namespace

PromptEncoder::PromptEncoder(const tokenizer::Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  for (int id = 0; id < tokenizer.n_vocab(); ++id) {
    const std::string_view text = tokenizer.token_text(id);
    if (!tokenizer.is_special(id) || text.empty()) continue;
    specials_.emplace_back(text, id);
    begins_special_[std::uint8_t(text.front())] = true;
  }
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

// Length and id of the special token that the template wrote at `at`.
std::optional<std::pair<std::size_t, int>> PromptEncoder::special_at(const chat::Text& prompt, std::size_t at) const {
  if (!begins_special_[std::uint8_t(prompt.bytes[at])]) return std::nullopt;
  const std::string_view rest = std::string_view(prompt.bytes).substr(at);
  for (const auto& [text, id] : specials_)
    if (rest.starts_with(text) && !overlaps_data(prompt, at, at + text.size())) return std::pair(text.size(), id);
  return std::nullopt;
}

std::vector<int> PromptEncoder::encode(const chat::Text& prompt) const {
  std::vector<int> ids;
  std::size_t done = 0;
  const auto encode_until = [&](std::size_t end) {
    const std::vector<int> text = tokenizer_.encode(std::string_view(prompt.bytes).substr(done, end - done), false);
    ids.insert(ids.end(), text.begin(), text.end());
  };
  auto data = prompt.data.begin();
  for (std::size_t at = 0; at < prompt.bytes.size();) {
    if (data != prompt.data.end() && at >= data->begin) {  // no token of the template begins in here
      at = std::max<std::size_t>(at, data->end);
      ++data;
    } else if (const auto token = special_at(prompt, at)) {
      encode_until(at);
      ids.push_back(token->second);
      done = at += token->first;
    } else {
      ++at;
    }
  }
  encode_until(prompt.bytes.size());
  return ids;
}

ChatPrompt::ChatPrompt(const std::string& model_directory, const Options& options,
                       const tokenizer::Tokenizer& tokenizer)
    : template_(chat::load_chat_template(
          model_directory, options.template_file.empty() ? std::nullopt : std::optional(options.template_file))),
      enable_thinking_(options.enable_thinking),
      encoder_(tokenizer) {}

std::vector<int> ChatPrompt::ids(const json::array& messages) const {
  return encoder_.encode(template_.render_text(
      {{"messages", messages}, {"add_generation_prompt", true}, {"enable_thinking", enable_thinking_}}));
}

}  // namespace nibble::cli
