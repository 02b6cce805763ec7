// A chat template: the Jinja that model publishers write, rendered as transformers renders it (jinja2 in its immutable
// sandbox, with trim_blocks, lstrip_blocks, loop controls, tojson, strftime_now and raise_exception). A template is
// somebody's program: it sees nothing but its variables, and what it may spend is bounded (Budget in value.h).
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "chat/text.h"

namespace nibble::chat {

struct Program;

class Template {
 public:
  // `name` (a file name) opens each message: "chat_template.jinja: line 3: ...".
  static Template parse(std::string text, std::string name);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // Any number of threads may render at once. A failure is an Error of one line. The variable "now"
  // ("2026-03-04T05:06:07") is what strftime_now tells; without it, the clock.
  std::string render(const json::object& variables) const;

  // The same, remembering which bytes came from `data`, where special tokens are only text, and which from the
  // template or from `trusted` (the special tokens themselves). A name in both means the one in `data`.
  Text render_text(const json::object& data, const json::object& trusted) const;

  const std::string& text() const;

 private:
  explicit Template(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace nibble::chat
