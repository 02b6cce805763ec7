// Any bytes as a chat template: a text or an Error, within the budget.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "chat/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace nibble;
  static const json::object variables = {
      {"messages",
       {{{"role", "user"}, {"content", "Hi <b>"}}, {{"role", "assistant"}, {"content", {{{"text", "x"}}}}}}},
      {"tools", {{{"name", "f"}, {"parameters", {{"n", 1}, {"d", 0.5}, {"b", true}, {"z", nullptr}}}}}},
      {"bos_token", "<bos>"},
      {"add_generation_prompt", true},
      {"now", "2026-03-04T05:06:07"}};
  try {
    chat::Template::parse(std::string(reinterpret_cast<const char*>(bytes), size), "t").render(variables);
  } catch (const Error&) {
  }
  return 0;
}
