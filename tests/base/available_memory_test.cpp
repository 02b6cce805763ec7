#include "base/available_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace nibble {
namespace {

// A machine with 1,000,000 kB available.
class Machine {
 public:
  Machine() {
    std::filesystem::remove_all(root_);
    write("/proc/meminfo", "MemTotal: 2000000 kB\nMemAvailable: 1000000 kB\n");
  }
  ~Machine() { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::uint64_t available() const { return available_memory(root_); }

 private:
  std::string root_ = ::testing::TempDir() + "/machine-" + std::to_string(::getpid());
};

TEST(AvailableMemory, IsTheMachinesWithoutLimits) {
  Machine machine;
  EXPECT_EQ(machine.available(), 1024000000u);
  machine.write("/proc/self/cgroup", "4:memory:/a\n0::/a\n");  // groups whose files are not there
  EXPECT_EQ(machine.available(), 1024000000u);
}

TEST(AvailableMemory, StaysWithinEveryGroupAbove) {
  Machine machine;
  machine.write("/proc/self/cgroup", "0::/slice/service\n");
  machine.write("/sys/fs/cgroup/slice/service/memory.max", "max\n");
  machine.write("/sys/fs/cgroup/slice/service/memory.current", "600\n");
  EXPECT_EQ(machine.available(), 1024000000u);
  machine.write("/sys/fs/cgroup/slice/memory.max", "1000\n");
  machine.write("/sys/fs/cgroup/slice/memory.current", "800\n");
  EXPECT_EQ(machine.available(), 200u);
  machine.write("/sys/fs/cgroup/slice/memory.stat", "anon 300\nfile 500\n");  // the page cache gives way
  EXPECT_EQ(machine.available(), 700u);
  machine.write("/sys/fs/cgroup/slice/memory.current", "2000\n");
  EXPECT_EQ(machine.available(), 0u);
}

// Of the host the path is known, of its file system only what was mounted for the container.
TEST(AvailableMemory, SeesAContainersOwnLimit) {
  Machine machine;
  machine.write("/proc/self/cgroup", "5:cpu:/docker/1234\n4:memory:/docker/1234\n");
  machine.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n");
  machine.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "4000\n");
  machine.write("/sys/fs/cgroup/memory/memory.stat", "cache 1\ntotal_cache 1500\n");
  EXPECT_EQ(machine.available(), 2500u);
}

TEST(AvailableMemory, OfThisMachineIsSomethingFinite) {
  EXPECT_GT(available_memory(), 0u);
  EXPECT_LT(available_memory(), std::uint64_t{1} << 50);
}

}  // namespace
}  // namespace nibble
