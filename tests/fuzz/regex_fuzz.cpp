// Any text as a regular expression: an Error, or an automaton in which some text can begin.
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "grammar/grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const auto grammar = grammar::Grammar::regex({reinterpret_cast<const char*>(data), size});
    const grammar::Matcher matcher(grammar);
    bool goes_on = matcher.may_end();
    for (int byte = 0; byte < 256; ++byte)
      goes_on = grammar::Matcher(matcher).advance(std::string(1, char(byte))) || goes_on;
    if (!goes_on) std::abort();
    grammar::Matcher reader(grammar);
    reader.advance("ab \xe4\xbd\xa0 12-\n");
  } catch (const Error&) {
  }
  return 0;
}
