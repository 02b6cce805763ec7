// The whole message of the Error that a call throws, with a temporary directory's path written as DIR, so
// that a test can hold it to the letter.
#pragma once

#include <string>

#include "base/error.h"

namespace nibble::testing {

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

template <typename Call>
std::string error_of(const Call& call, const std::string& directory = {}) {
  try {
    call();
  } catch (const Error& error) {
    return replaced(error.what(), directory, "DIR");
  }
  return "no error";
}

}  // namespace nibble::testing
