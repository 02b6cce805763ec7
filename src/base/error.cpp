#include "base/error.h"

#include <cstring>

namespace nibble {

Error system_error(const std::string& what, int error_number) {
  return Error("{}: {}", what, std::strerror(error_number));
}

}  // namespace nibble
