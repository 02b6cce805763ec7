// Any text as a JSON Schema: an Error, or a grammar that reads texts, and whose tables lead somewhere.
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "grammar/grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const auto grammar = grammar::Grammar::json_schema(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"));
    for (const char* text : {"{\"a\":[1,-2.5e+3,\"\\u00e9\\ud83d\\ude00\"],\"b\":{\"a\":null}}", "[true,\"ab\",0]",
                             "\"2024-02-29\"", "-120"}) {
      grammar::Matcher matcher(grammar);
      if (matcher.advance(text)) matcher.may_end();
    }
    grammar::Matcher matcher(grammar);
    bool begins = false;
    for (int byte = 0; byte < 256; ++byte)
      begins = grammar::Matcher(matcher).advance(std::string(1, char(byte))) || begins;
    if (!begins) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
