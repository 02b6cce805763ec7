#include "device/cpu/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace nibble::device::cpu {

Memory::Memory(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw Error("out of memory: {} bytes ({})", bytes, std::strerror(errno));
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  if (bytes >= kHugePage) ::madvise(data, bytes, MADV_HUGEPAGE);  // advice: a refusal costs speed only
  data_ = static_cast<std::byte*>(data);
}

Memory::~Memory() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace nibble::device::cpu
