// Files by explicit reads. Weights are never mapped: a mapping of a file that somebody truncates ends the process with
// SIGBUS, a read ends in an Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nibble {

// A file open for reading; reads at any offset from any thread.
class File {
 public:
  static File open_read(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::string& path() const { return path_; }
  std::uint64_t size_bytes() const { return size_bytes_; }  // when opened
  int descriptor() const { return descriptor_; }

  // Fills `out` from `offset`, whatever the number of system calls. A file that has become shorter is an Error.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  File(std::string path, int descriptor, std::uint64_t size_bytes);
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
};

// What disks and page caches count in: O_DIRECT needs file offsets and memory addresses to be multiples of it.
inline constexpr std::size_t kBlockBytes = 4096;

// A file being written. close() reports what the kernel kept back; a destructor without close() only closes.
class OutputFile {
 public:
  static OutputFile create(const std::string& path);  // replaces what is there
  OutputFile(OutputFile&& other) noexcept;
  ~OutputFile();

  const std::string& path() const { return path_; }
  void write(std::span<const std::byte> bytes);
  // Makes room for a file of this size at once, so that writes within it need not take turns; a full disk is an Error
  // here. Where the file system cannot, does nothing.
  void reserve(std::uint64_t size_bytes);
  // From any thread, each byte of the file once. Whole blocks go past the page cache, where the file system can, if
  // `bytes` lies in memory as in the file (both at one distance from a multiple of kBlockBytes): a cached write costs a
  // copy and a new page for every 4 KiB, and close() then waits for it all.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  void close();  // fsync, then close

 private:
  OutputFile(std::string path, int descriptor, int direct);
  void write_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes);
  std::string path_;
  int descriptor_ = -1;
  int direct_ = -1;  // the same file past the page cache; -1 where the file system cannot
};

bool file_exists(const std::string& path);
bool directory_exists(const std::string& path);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes);
void write_text_file(const std::string& path, std::string_view text);  // fsynced

}  // namespace nibble
