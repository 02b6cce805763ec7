// Logs go to stderr, machine output to stdout.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace nibble {

// level: trace, debug, info, warning, error, off. UsageError for another word.
void start_log(const std::string& level);

}  // namespace nibble
