// Error: what ends a unit of work because of its input or its surroundings. One line: what, where, expected, found,
// what to do. Thrown by loaders and parsers; caught in main, in the request handler and in the engine step.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace nibble {

class Error : public std::runtime_error {
 public:
  // Error("{}: expected {} bytes, found {}", path, expected, found)
  template <typename... Args>
  explicit Error(fmt::format_string<Args...> format, Args&&... args)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
};

// A mistake in how a command was called: main prints it and exits 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// The user asked to stop (Ctrl-C): main says so and exits 130.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

// "path: No such file or directory": the text of errno behind what was tried.
[[nodiscard]] Error system_error(const std::string& what, int error_number);

}  // namespace nibble
