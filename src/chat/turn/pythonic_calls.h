// A turn that is a Python list of calls, `[f(a='x', b=[1, 2]), g()]`, with literals for arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::chat::turn {

struct PythonicCall {
  std::string name;
  std::string arguments;  // a JSON object
};

// nullopt where `text` is anything else. It begins at the bracket that opens the list and ends behind the one that closes
// it. Arguments have names; a value is a constant, a list, a tuple, a set or a dict with constant keys, as Python or JSON
// spells it.
std::optional<std::vector<PythonicCall>> parse_pythonic_calls(std::string_view text);

}  // namespace nibble::chat::turn
