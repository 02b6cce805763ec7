// check(condition, "why it must hold"): aborts on a mistake of ours. Nothing from outside can reach one.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace nibble {

inline void check(bool condition, const char* why, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (condition) [[likely]]
    return;
  std::fprintf(stderr, "%s:%d: internal error: %s\n", file, line, why);
  std::abort();
}

}  // namespace nibble
