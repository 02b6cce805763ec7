// Large zeroed memory, aligned to a page, on huge pages where the kernel grants them: a weight stream over 4 KiB pages
// loses a quarter of the read bandwidth to address translation.
#pragma once

#include <cstddef>
#include <utility>

namespace nibble::device::cpu {

class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t bytes);  // Error with the size if there is not that much
  Memory(Memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Memory();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace nibble::device::cpu
