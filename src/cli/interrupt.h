// Ctrl-C as a question one can ask, while an object of this class lives: it stops an answer and not the program.
#pragma once

#include <csignal>

namespace nibble::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool taken();  // whether Ctrl-C was pressed since the last call

 private:
  struct sigaction previous_ {};
};

}  // namespace nibble::cli
