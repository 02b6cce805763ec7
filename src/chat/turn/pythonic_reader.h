// The pythonic form while it arrives. A turn is calls only if all of it is one list of calls, so a list is held back until
// the turn ends, and let go as text as soon as it can be no such list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/turn/pythonic_calls.h"

namespace nibble::chat::turn {

class PythonicReader {
 public:
  std::string push(std::string_view text);                           // -> text that is no call
  std::string finish();                                              // the same, of what was held back
  const std::vector<PythonicCall>& calls() const { return calls_; }  // after finish()

 private:
  // kOpening: `[name(`; kCode, kQuoted and kComment: in the list; kBehind and kRemark: only white space and comments.
  enum class State { kOpening, kCode, kQuoted, kComment, kBehind, kRemark, kText };

  State read(char c);
  State read_opening(char c);
  State read_code(char c);
  State read_quoted(char c);

  State state_ = State::kOpening;
  std::string held_;
  int depth_ = 0;         // brackets open
  char quote_ = 0;        // kQuoted: ' or "
  int n_quotes_ = 0;      // kQuoted: quotes in a row, the opening ones first
  bool opened_ = false;   // kQuoted: the opening quotes are read
  bool triple_ = false;   // kQuoted
  bool escaped_ = false;  // kQuoted
  std::vector<PythonicCall> calls_;
};

}  // namespace nibble::chat::turn
