// What the user says next, from a terminal (editing, history) or from a pipe (one line a turn). A turn of several lines is
// put between """ and """, or each of its lines but the last ends in a backslash.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/interrupt.h"

namespace nibble::cli {

class TurnBuilder {
 public:
  bool add(std::string_view line);  // true: the turn is complete
  bool started() const { return started_; }
  std::string take();  // what there is; begins anew

 private:
  std::string text_;
  bool started_ = false, quoted_ = false;
};

class TurnReader {
 public:
  virtual ~TurnReader() = default;
  // The next turn; empty where the user gave it up (Ctrl-C), nullopt at the end of the input.
  virtual std::optional<std::string> next() = 0;
};

std::unique_ptr<TurnReader> make_pipe_reader();
// History is kept in $XDG_STATE_HOME/nibble/history (~/.local/state where that is not set).
std::unique_ptr<TurnReader> make_terminal_reader(Interrupt& interrupt);

}  // namespace nibble::cli
