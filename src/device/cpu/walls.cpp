#include "device/cpu/walls.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "device/cpu/memory.h"

namespace nibble::device::cpu {
namespace {

// Of many short runs the time that a tenth of them beat: neighbours on the machine can only slow a run down.
template <typename Task>
double typical_seconds(const Task& task) {
  using Clock = std::chrono::steady_clock;
  constexpr double kBudget = 0.4;
  std::vector<double> times;
  double spent = 0;
  for (int i = 0; i < 10 || spent < kBudget; ++i) {
    const auto start = Clock::now();
    task();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    spent += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

double read_bytes_per_second(ThreadTeam& team) {
  constexpr std::size_t kWords = std::size_t{1} << 26;  // 512 MiB: a cache keeps little of it from run to run
  Memory memory(kWords * 8);
  std::memset(memory.data(), 1, memory.bytes());
  std::atomic<std::uint64_t> total{0};
  const double seconds = typical_seconds([&] {
    team.parallel_for(kWords, 4096, [&](std::size_t begin, std::size_t end) {
      const std::uint64_t* words = memory.as<std::uint64_t>();
      std::uint64_t sum[8] = {};
      for (std::size_t at = begin; at < end; at += 8)
        for (std::size_t j = 0; j < 8; ++j) sum[j] += words[at + j];
      for (const std::uint64_t s : sum) total += s;
    });
  });
  return double(memory.bytes()) / seconds;
}

double operations_per_second(ThreadTeam& team, double (*multiply)(void* keep)) {
  if (multiply == nullptr) return 0;
  struct alignas(64) Keep {
    std::byte bytes[64];
  };
  std::vector<Keep> keep(static_cast<std::size_t>(team.size()));
  double done = 0;
  const double seconds = typical_seconds([&] {
    team.run([&](int thread) {
      const double mine = multiply(keep[std::size_t(thread)].bytes);
      if (thread == 0) done = mine;
    });
  });
  return done * team.size() / seconds;
}

}  // namespace

Walls measure_walls(ThreadTeam& team, const Kernels& kernels) {
  return {.read_bytes_per_second = read_bytes_per_second(team),
          .float_flops = operations_per_second(team, kernels.multiply_floats),
          .int8_ops = operations_per_second(team, kernels.multiply_bytes)};
}

}  // namespace nibble::device::cpu
