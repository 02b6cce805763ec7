#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>

namespace nibble {
namespace {

TEST(ThreadTeam, CoversEveryIndexOnce) {
  for (const int n_threads : {1, 2, 3, 16}) {
    ThreadTeam team(n_threads);
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{1000}}) {
      std::vector<std::atomic<int>> seen(n);
      team.parallel_for(n, 16, [&](std::size_t begin, std::size_t end) {
        EXPECT_EQ(begin % 16, 0u);
        for (std::size_t i = begin; i < end; ++i) ++seen[i];
      });
      for (const auto& count : seen) EXPECT_EQ(count, 1) << n_threads << " threads, n " << n;
    }
  }
}

}  // namespace
}  // namespace nibble
