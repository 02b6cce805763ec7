// The chat template of a model directory, and what a conversation goes through before and after the template: the
// special tokens' names, the aliases of "reasoning_content", "continue_final_message".
#pragma once

#include <optional>
#include <string>

#include "chat/template.h"

namespace nibble::chat {

struct ChatTemplate {
  Template program;
  json::object special_tokens;  // "bos_token": "<bos>", ... from tokenizer_config.json

  // `request`: messages, tools, add_generation_prompt, enable_thinking, ...: every key is a variable of the template,
  // and any name of a special token replaces the model's own.
  std::string render(const json::object& request) const { return render_text(request).bytes; }
  Text render_text(const json::object& request) const;
};

// From `file` if given; else the directory's chat_template.jinja, else "chat_template" of its tokenizer_config.json.
// `file` alone is enough for a directory without a tokenizer_config.json.
ChatTemplate load_chat_template(const std::string& model_directory, const std::optional<std::string>& file = {});

}  // namespace nibble::chat
