// White space at the ends of texts, as Python's strip() sees it, also while the texts are still arriving.
#pragma once

#include <string>
#include <string_view>

namespace nibble::chat::turn {

std::string_view trim_start(std::string_view text);
std::string_view trim_end(std::string_view text);
std::string_view trim(std::string_view text);

// Holds back the white space that a text ends with until it is known what follows. The pieces are whole characters.
class HeldSpace {
 public:
  std::string push(std::string_view text);  // the text that is certain to stay
  std::string take();                       // the white space held back
  void drop() { held_.clear(); }

 private:
  std::string held_;
};

}  // namespace nibble::chat::turn
