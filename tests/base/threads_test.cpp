#include "base/threads.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>

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

// A loop's writes are seen by the next loop on every thread, whether its threads spun or slept in between.
TEST(ThreadTeam, RunsInOrder) {
  for (const int n_threads : {2, 3, 8}) {
    ThreadTeam team(n_threads);
    std::vector<int> counts(std::size_t(team.size()));
    for (int round = 0; round < 2000; ++round) {
      team.run([&](int thread) {
        const int neighbour = (thread + 1) % team.size();
        if (round % 2 == 0) {
          ++counts[std::size_t(thread)];
        } else {
          EXPECT_EQ(counts[std::size_t(neighbour)], round / 2 + 1);
        }
      });
      if (round % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
}

TEST(ThreadTeam, SleepsWhenIdle) {
  ThreadTeam team(available_cpus());
  team.run([](int) {});
  const auto cpu_seconds = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(cpu_seconds() - before, 0.1);
}

// Every worker on a CPU of its own, the caller wherever it likes.
TEST(ThreadTeam, PinsItsWorkers) {
  const int n_threads = available_cpus();
  ThreadTeam team(n_threads, true);
  std::vector<cpu_set_t> allowed(std::size_t(team.size()));
  team.run([&](int thread) { sched_getaffinity(0, sizeof(cpu_set_t), &allowed[std::size_t(thread)]); });
  EXPECT_EQ(CPU_COUNT(&allowed[0]), n_threads);
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int thread = 1; thread < n_threads; ++thread) {
    const cpu_set_t& mine = allowed[std::size_t(thread)];
    EXPECT_EQ(CPU_COUNT(&mine), 1);
    CPU_OR(&all, &all, &mine);
  }
  EXPECT_EQ(CPU_COUNT(&all), n_threads - 1);
}

}  // namespace
}  // namespace nibble
