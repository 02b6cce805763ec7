// Chat templates against jinja2 as transformers sets it up: the published ones, and small ones for each construct.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>

#include "base/file.h"
#include "chat/load.h"
#include "support/goldens.h"

namespace nibble::chat {
namespace {

std::vector<json::object> read_lines(const fs::path& path) {
  std::vector<json::object> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(parse_json(line, path.string()).get_object());
  return lines;
}

// The variables that the golden was rendered with.
json::object request_of(const json::object& golden) {
  json::object request;
  if (const json::value* conversation = golden.if_contains("conversation")) {
    const json::object& sent = golden.at("request").get_object();
    request = {{"messages", *conversation}, {"add_generation_prompt", true}};
    if (const json::value* more = sent.if_contains("chat_template_kwargs"); more != nullptr && more->is_object())
      for (const auto& [key, value] : more->get_object()) request[key] = value;
    for (const char* key : {"add_generation_prompt", "continue_final_message", "reasoning_effort"})
      if (const json::value* value = sent.if_contains(key)) request[key] = *value;
    // The reference server turns an effort into the variable that templates read.
    if (const json::value* effort = sent.if_contains("reasoning_effort");
        effort != nullptr && !request.contains("enable_thinking"))
      request["enable_thinking"] = json::value_to<std::string>(*effort) != "none";
  } else {
    request = golden.at("variables").get_object();
    request["messages"] = golden.at("messages");
  }
  request["tools"] = golden.at("tools");
  for (const char* key : {"bos_token", "eos_token", "now"})
    if (const json::value* value = golden.if_contains(key)) request[key] = *value;
  if (!request.contains("bos_token")) request["bos_token"] = "<bos>";
  return request;
}

void expect_outcome(const json::object& golden, const std::function<std::string()>& render) {
  const std::string id = json::serialize(golden.at("id"));
  if (const json::value* error = golden.if_contains("error")) {
    try {
      ADD_FAILURE() << id << ": rendered " << render() << ", expected " << json::serialize(*error);
    } catch (const Error& caught) {
      if (error->at("raised_by_template").get_bool()) {
        EXPECT_THAT(caught.what(), ::testing::HasSubstr(json::value_to<std::string>(error->at("message")))) << id;
      }
    }
    return;
  }
  try {
    EXPECT_EQ(render(), json::value_to<std::string>(golden.at("rendered"))) << id;
  } catch (const Error& error) {
    ADD_FAILURE() << id << ": " << error.what();
  }
}

TEST(ChatGoldens, EveryPublishedTemplateRendersByteForByte) {
  const fs::path folder = testing::shared_goldens() / "chat";
  if (testing::shared_goldens().empty() || !fs::exists(folder)) GTEST_SKIP() << "no ../shared/goldens/chat";
  std::map<std::string, ChatTemplate> templates;
  std::size_t n = 0;
  for (const char* file : {"render.jsonl", "render_other.jsonl", "openai_render.jsonl"}) {
    for (const json::object& golden : read_lines(folder / file)) {
      const auto name = json::value_to<std::string>(golden.at("template"));
      auto found = templates.find(name);
      if (found == templates.end())
        found = templates.emplace(name, load_chat_template(folder, (folder / "templates" / name).string())).first;
      expect_outcome(golden, [&] { return found->second.render(request_of(golden)); });
      ++n;
    }
  }
  EXPECT_EQ(n, 832u);
}

TEST(ChatGoldens, EveryConstructRendersAsJinjaDoes) {
  const std::vector<json::object> goldens = read_lines(testing::own_goldens() / "chat" / "constructs.jsonl");
  EXPECT_GT(goldens.size(), 100u);
  for (const json::object& golden : goldens) {
    const auto text = json::value_to<std::string>(golden.at("template"));
    SCOPED_TRACE(text);
    expect_outcome(golden, [&] { return Template::parse(text, "t").render(golden.at("variables").get_object()); });
  }
}

}  // namespace
}  // namespace nibble::chat
