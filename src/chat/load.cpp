#include "chat/load.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "chat/unicode.h"
#include "chat/value.h"

namespace nibble::chat {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64u << 20;

std::string path_in(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

// "bos_token": "<bos>", or {"content": "<bos>", ...} in older files.
json::object read_special_tokens(const json::object& config) {
  json::object tokens;
  for (const auto& [key, value] : config) {
    if (!std::string_view(key.data(), key.size()).ends_with("_token")) continue;
    const json::value* text = &value;
    if (value.is_object()) text = value.get_object().if_contains("content");
    if (text != nullptr && text->is_string()) tokens[key] = *text;
  }
  return tokens;
}

// A string, or a list of named ones of which "default" is meant.
const json::string* find_template(const json::object& config) {
  const json::value* value = config.if_contains("chat_template");
  if (value == nullptr) return nullptr;
  if (value->is_string()) return &value->get_string();
  if (!value->is_array()) return nullptr;
  for (const json::value& entry : value->get_array()) {
    if (!entry.is_object()) continue;
    const json::value* name = entry.get_object().if_contains("name");
    const json::value* text = entry.get_object().if_contains("template");
    if (name != nullptr && name->is_string() && name->get_string() == "default" && text != nullptr && text->is_string())
      return &text->get_string();
  }
  return nullptr;
}

// What the reference does to a message before a template sees it: nothing is null, and the reasoning goes by each
// of the names that templates read.
json::object prepared_message(const json::object& message) {
  json::object result;
  for (const auto& [key, value] : message)
    if (!value.is_null()) result[key] = value;
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    const json::value* reasoning = result.if_contains(name);
    if (reasoning == nullptr) continue;
    const json::value copy = *reasoning;
    if (!result.contains("thinking")) result["thinking"] = copy;
    result["reasoning_content"] = copy;
    break;
  }
  return result;
}

constexpr std::string_view kContinueMark = "CONTINUE_FINAL_MESSAGE_TAG ";

// Puts the mark behind the text of the last message, where the rendering is to stop; returns that text.
std::string mark_end(json::array& messages) {
  json::value* content =
      messages.empty() || !messages.back().is_object() ? nullptr : messages.back().get_object().if_contains("content");
  if (content != nullptr && content->is_array()) {
    json::array& parts = content->get_array();
    content = nullptr;
    for (std::size_t i = parts.size(); i > 0 && content == nullptr; --i)
      if (parts[i - 1].is_object()) content = parts[i - 1].get_object().if_contains("text");
  }
  if (content == nullptr || !content->is_string())
    throw Error("continue_final_message: the last message has no text to continue");
  std::string text(content->get_string().data(), content->get_string().size());
  content->get_string().append(kContinueMark);
  return text;
}

std::string_view stripped(std::string_view text) {
  const auto space = [&](std::size_t at) { return is(next_code_point(text, at), CharClass::kSpace); };
  while (!text.empty() && space(0)) {
    std::size_t next = 0;
    next_code_point(text, next);
    text.remove_prefix(next);
  }
  while (!text.empty()) {
    const std::size_t last = previous_boundary(text, text.size());
    if (!space(last)) break;
    text = text.substr(0, last);
  }
  return text;
}

// Cuts a rendering at the mark; white space before it goes where the template trimmed the mark's own.
void cut_at_mark(Text& text, const std::string& final_text) {
  const std::size_t mark = text.bytes.rfind(kContinueMark.substr(0, kContinueMark.size() - 1));
  if (mark == std::string::npos || text.bytes.find(stripped(final_text)) == std::string::npos)
    throw Error("continue_final_message: the chat template does not render the text of the last message as it is");
  std::size_t size = mark;
  if (!std::string_view(text.bytes).substr(mark).starts_with(kContinueMark))
    while (size > 0) {
      const std::size_t last = previous_boundary(text.bytes, size);
      std::size_t next = last;
      if (!is(next_code_point(text.bytes, next), CharClass::kSpace)) break;
      size = last;
    }
  Heap heap((Budget()));
  text = substring(heap, text, 0, size);
}

}  // namespace

Text ChatTemplate::render_text(const json::object& request) const {
  json::object variables = request;
  for (const char* name : {"tools", "documents"})
    if (!variables.contains(name)) variables[name] = nullptr;
  if (!variables.contains("add_generation_prompt")) variables["add_generation_prompt"] = false;
  json::array messages;
  if (const json::value* list = variables.if_contains("messages"); list == nullptr || !list->is_array())
    throw Error("\"messages\": expected a list of messages");
  for (const json::value& message : variables.at("messages").get_array()) {
    if (!message.is_object())
      throw Error("\"messages\": expected a list of objects, found {}", json::serialize(message).substr(0, 100));
    messages.emplace_back(prepared_message(message.get_object()));
  }
  const json::value* goes_on = variables.if_contains("continue_final_message");
  const bool continues = goes_on != nullptr && goes_on->is_bool() && goes_on->get_bool();
  const std::string final_text = continues ? mark_end(messages) : std::string();
  variables["messages"] = std::move(messages);
  variables.erase("continue_final_message");
  Text text = program.render_text(variables, special_tokens);
  if (continues) cut_at_mark(text, final_text);
  return text;
}

ChatTemplate load_chat_template(const std::string& directory, const std::optional<std::string>& file) {
  const std::string config_path = path_in(directory, "tokenizer_config.json");
  json::value config = json::object();
  if (file_exists(config_path)) config = parse_json_file(config_path, kMaxConfigBytes);
  if (!config.is_object()) throw Error("{}: expected an object", config_path);
  json::object tokens = read_special_tokens(config.get_object());
  const std::string own = path_in(directory, "chat_template.jinja");
  if (file || file_exists(own)) {
    const std::string path = file ? *file : own;
    return {Template::parse(read_text_file(path, kMaxTemplateBytes), path), std::move(tokens)};
  }
  const json::string* text = find_template(config.get_object());
  if (text == nullptr)
    throw Error(
        "{}: has no chat template: neither chat_template.jinja nor \"chat_template\" in tokenizer_config.json; "
        "give one with --chat-template FILE",
        directory);
  return {Template::parse(std::string(text->data(), text->size()), config_path + ": chat_template"), std::move(tokens)};
}

}  // namespace nibble::chat
