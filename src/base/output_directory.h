// A directory that appears complete or not at all: files are written to a temporary sibling, each fsynced, and commit()
// renames it into place. Whatever ends the program before that leaves at most ".NAME.partial-PID", never a finished-looking wreck.
#pragma once

#include <string>

namespace nibble {

class OutputDirectory {
 public:
  // Error if `path` exists and is not an empty directory, unless `force`; removes nothing before commit().
  OutputDirectory(std::string path, bool force);
  ~OutputDirectory();  // without commit(): removes what was made
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  std::string file(const std::string& name) const;  // the path to write `name` at
  void commit();

 private:
  bool exchange() const;  // swaps the names of the two directories; false where the file system cannot

  std::string path_, temporary_;
  bool force_ = false, committed_ = false;
};

}  // namespace nibble
