// How much memory this process can still take: to refuse at the start what the kernel would kill for later.
#pragma once

#include <cstdint>
#include <string>

namespace nibble {

// Bytes free or held by nothing but the page cache, within every limit on this process's control groups.
std::uint64_t available_memory();

// The same of a machine whose /proc and /sys lie under `root`. A file that is missing limits nothing.
std::uint64_t available_memory(const std::string& root);

}  // namespace nibble
