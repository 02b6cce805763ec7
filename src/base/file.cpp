#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace nibble {
namespace {

// Linux moves at most 0x7ffff000 bytes a call; a smaller piece keeps the page cache friendly.
constexpr std::size_t kMaxCallBytes = std::size_t{64} << 20;

}  // namespace

File::File(std::string path, int descriptor, std::uint64_t size_bytes)
    : path_(std::move(path)), descriptor_(descriptor), size_bytes_(size_bytes) {}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_bytes_(other.size_bytes_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File File::open_read(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw system_error(path, errno);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    const int error_number = errno;
    ::close(descriptor);
    if (S_ISREG(status.st_mode)) throw system_error(path, error_number);
    throw Error("{}: not a regular file", path);
  }
  return File(path, descriptor, std::uint64_t(status.st_size));
}

void File::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = ::pread(descriptor_, out.data(), std::min(out.size(), kMaxCallBytes), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error(path_, errno);
    if (n == 0)
      throw Error("{}: file ends at byte {}, {} more expected (changed while in use?)", path_, offset, out.size());
    out = out.subspan(std::size_t(n));
    offset += std::uint64_t(n);
  }
}

OutputFile::OutputFile(std::string path, int descriptor, int direct)
    : path_(std::move(path)), descriptor_(descriptor), direct_(direct) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      direct_(std::exchange(other.direct_, -1)) {}

OutputFile::~OutputFile() {
  if (direct_ >= 0) ::close(direct_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

OutputFile OutputFile::create(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) throw system_error(path, errno);
  return OutputFile(path, descriptor, ::open(path.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC));
}

void OutputFile::reserve(std::uint64_t size_bytes) {
  if (size_bytes == 0) return;
  while (::fallocate(descriptor_, 0, 0, off_t(size_bytes)) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return;
    if (errno != EINTR) throw system_error(path_, errno);
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMaxCallBytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error(path_, errno);
    bytes = bytes.subspan(std::size_t(n));
  }
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::size_t head = std::size_t(-offset % kBlockBytes);
  if (direct_ >= 0 && bytes.size() >= head + kBlockBytes &&
      (reinterpret_cast<std::uintptr_t>(bytes.data()) + head) % kBlockBytes == 0) {
    const std::size_t whole = (bytes.size() - head) / kBlockBytes * kBlockBytes;
    write_at(descriptor_, offset, bytes.first(head));
    write_at(direct_, offset + head, bytes.subspan(head, whole));
    offset += head + whole;
    bytes = bytes.subspan(head + whole);
  }
  write_at(descriptor_, offset, bytes);
}

void OutputFile::write_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor, bytes.data(), std::min(bytes.size(), kMaxCallBytes), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EINVAL && descriptor == direct_) {
      descriptor = descriptor_;  // larger blocks than ours, or what a short write left is none
      continue;
    }
    if (n < 0) throw system_error(path_, errno);
    bytes = bytes.subspan(std::size_t(n));
    offset += std::uint64_t(n);
  }
}

void OutputFile::close() {
  if (::fsync(descriptor_) != 0) throw system_error(path_, errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) throw system_error(path_, errno);
}

bool file_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool directory_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string read_text_file(const std::string& path, std::uint64_t max_bytes) {
  const File file = File::open_read(path);
  if (file.size_bytes() > max_bytes)
    throw Error("{}: {} bytes, at most {} are read", path, file.size_bytes(), max_bytes);
  std::string text(file.size_bytes(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void write_text_file(const std::string& path, std::string_view text) {
  OutputFile file = OutputFile::create(path);
  file.write(std::as_bytes(std::span(text)));
  file.close();
}

}  // namespace nibble
