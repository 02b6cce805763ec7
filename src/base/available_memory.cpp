#include "base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace nibble {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// The number after `key` at the start of a line, in bytes; with an empty key the number that the file is.
std::optional<std::uint64_t> number_in(const std::string& path, std::string_view key = {}) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word, unit;
    if (!key.empty() && (!(words >> word) || word != key)) continue;
    std::uint64_t number = 0;
    if (!(words >> number)) return std::nullopt;  // "max"
    words >> unit;
    return unit == "kB" ? number * 1024 : number;
  }
  return std::nullopt;
}

// How the two versions of control groups name their files.
struct Names {
  const char *mount, *limit, *usage, *page_cache;
};
constexpr Names kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"};
constexpr Names kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "file"};

// What the group of this path and the ones above it leave. Inside a container the path may be the host's; then only the
// top is there, which is the container's own.
std::uint64_t left_in_groups(const std::string& root, const Names& names, std::string path) {
  std::uint64_t left = kUnlimited;
  for (;;) {
    const std::string group = root + names.mount + path + "/";
    const auto limit = number_in(group + names.limit), usage = number_in(group + names.usage);
    if (limit && usage) {
      const std::uint64_t held =
          *usage - std::min(*usage, number_in(group + "memory.stat", names.page_cache).value_or(0));
      left = std::min(left, *limit - std::min(*limit, held));
    }
    if (path.empty() || path == "/") return left;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

std::uint64_t available_memory() { return available_memory(""); }

std::uint64_t available_memory(const std::string& root) {
  std::uint64_t left = number_in(root + "/proc/meminfo", "MemAvailable:").value_or(kUnlimited);
  std::ifstream groups(root + "/proc/self/cgroup");  // "4:memory:/path", of version 2 "0::/path"
  for (std::string line; std::getline(groups, line);) {
    const std::size_t name = line.find(':'), path = line.find(":/");
    if (name == std::string::npos || path == std::string::npos) continue;
    const std::string_view controllers(line.data() + name + 1, path > name ? path - name - 1 : 0);
    if (controllers == "memory") left = std::min(left, left_in_groups(root, kVersion1, line.substr(path + 1)));
    if (controllers.empty()) left = std::min(left, left_in_groups(root, kVersion2, line.substr(path + 1)));
  }
  return left;
}

}  // namespace nibble
