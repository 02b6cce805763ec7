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

// A file being written from its beginning. close() reports what the kernel kept back; a destructor without close()
// only closes.
class OutputFile {
 public:
  static OutputFile create(const std::string& path);  // replaces what is there
  OutputFile(OutputFile&& other) noexcept;
  ~OutputFile();

  const std::string& path() const { return path_; }
  void write(std::span<const std::byte> bytes);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);  // from any thread
  void close();                                                           // fsync, then close

 private:
  OutputFile(std::string path, int descriptor);
  std::string path_;
  int descriptor_ = -1;
};

bool file_exists(const std::string& path);
bool directory_exists(const std::string& path);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes);
void write_text_file(const std::string& path, std::string_view text);  // fsynced

}  // namespace nibble
