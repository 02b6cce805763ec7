// Counts one level of recursion for as long as it lives.
#pragma once

#include "chat/value.h"

namespace nibble::chat {

class Nesting {
 public:
  Nesting(int& level, int limit, const char* what) : level_(level) {
    if (level >= limit) fail("{}: {} levels", what, limit);
    ++level;
  }
  ~Nesting() { --level_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& level_;
};

}  // namespace nibble::chat
