#include "cli/json_lines.h"

#include <cstdio>
#include <iostream>

#include "base/error.h"

namespace nibble::cli {

void answer_json_lines(const std::function<json::object(const json::value& line, const std::string& source)>& answer) {
  std::string line;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    const std::string source = fmt::format("input line {}", number);
    const json::value value = parse_json(line, source);
    std::string out;
    try {
      out = json::serialize(answer(value, source));
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with(source)) throw;
      throw Error("{}: {}", source, error.what());
    }
    out += '\n';
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0)
      throw Error("standard output cannot be written");
  }
  if (std::cin.bad()) throw Error("standard input cannot be read");
}

}  // namespace nibble::cli
