#include "base/output_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace nibble {
namespace {

namespace fs = std::filesystem;

void sync_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw system_error(path, errno);
  const int result = ::fsync(descriptor);
  const int error_number = errno;
  ::close(descriptor);
  if (result != 0) throw system_error(path, error_number);
}

// Only what looks like an earlier output is replaced, whatever --force says.
bool is_replaceable(const fs::path& path) { return fs::is_empty(path) || fs::exists(path / "config.json"); }

}  // namespace

OutputDirectory::OutputDirectory(std::string path, bool force) : force_(force) {
  fs::path target = fs::absolute(path).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  if (!fs::is_directory(target.parent_path()))
    throw Error("{}: the directory {} does not exist", path, target.parent_path().string());
  if (fs::is_symlink(target)) throw Error("{}: is a symbolic link (name the directory itself)", path);
  if (fs::exists(target)) {
    if (!fs::is_directory(target)) throw Error("{}: exists and is not a directory", path);
    if (!fs::is_empty(target) && !force) throw Error("{}: exists and is not empty (--force replaces it)", path);
    if (!is_replaceable(target))
      throw Error("{}: exists and holds no model (no config.json), so --force does not replace it", path);
  }
  path_ = target.string();
  temporary_ = (target.parent_path() / fmt::format(".{}.partial-{}", target.filename().string(), ::getpid())).string();
  std::error_code error;
  fs::remove_all(temporary_, error);  // of a killed process that had our number
  if (!fs::create_directory(temporary_, error)) throw Error("{}: {}", temporary_, error.message());
}

OutputDirectory::~OutputDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

std::string OutputDirectory::file(const std::string& name) const { return temporary_ + "/" + name; }

bool OutputDirectory::exchange() const {
  return ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0;
}

void OutputDirectory::commit() {
  const fs::path target(path_), parent = target.parent_path();
  std::error_code ignored;
  sync_directory(temporary_);
  if (!fs::exists(target) || fs::is_empty(target)) {
    fs::remove(target);
    fs::rename(temporary_, target);
    committed_ = true;
    sync_directory(parent.string());
  } else if (!force_) {
    throw Error("{}: was filled by another program meanwhile; nothing was changed", path_);
  } else if (exchange()) {  // at every moment one of the two whole outputs bears the name
    try {
      sync_directory(parent.string());
    } catch (...) {
      exchange();  // the earlier output stays
      throw;
    }
    committed_ = true;
    fs::remove_all(temporary_, ignored);
  } else {  // a file system that cannot exchange: for a moment neither bears it
    const std::string old = (parent / fmt::format(".{}.replaced-{}", target.filename().string(), ::getpid())).string();
    fs::rename(target, old);
    fs::rename(temporary_, target);
    committed_ = true;
    sync_directory(parent.string());
    fs::remove_all(old, ignored);
  }
}

}  // namespace nibble
