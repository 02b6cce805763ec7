// What commands that answer JSON lines share: each line is answered before the next is read, so that another program can
// talk to this one through pipes.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"

namespace nibble::cli {

// Reads standard input to its end; `answer(line, source)` gives what is written for a line. An Error of a line names it.
void answer_json_lines(const std::function<json::object(const json::value& line, const std::string& source)>& answer);

}  // namespace nibble::cli
