// A persistent team of threads for parallel loops. The caller is thread 0, so a team of one starts none. A
// decode step is hundreds of short loops: a thread out of work spins for some microseconds before it sleeps,
// so that the next loop starts without a trip through the kernel, and an idle team costs nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/function_ref.h"

namespace nibble {

// CPUs this process may run on (its affinity mask), at least 1.
int available_cpus();

class ThreadTeam {
 public:
  // Pinned, worker i stays on the i-th CPU that this process may use, if there are as many. The caller, which other
  // threads inherit from, stays free: the CPU that is left is the first.
  explicit ThreadTeam(int n_threads, bool pinned = false);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return int(workers_.size()) + 1; }

  // Calls task(thread) once on every thread, 0 .. size() - 1, and returns when all have returned. Tasks must
  // not throw.
  void run(FunctionRef<void(int thread)> task);

  // Splits [0, n) into size() contiguous ranges, multiples of `grain` long but for the last: task(begin,
  // end).
  void parallel_for(std::size_t n, std::size_t grain, FunctionRef<void(std::size_t, std::size_t)> task);

 private:
  void pin_workers();
  void work(int thread);
  void wait_while(std::atomic<std::uint32_t>& value, std::uint32_t is, FunctionRef<bool(double spun_us)> spin_on);
  void wake(std::atomic<std::uint32_t>& value);

  std::vector<std::thread> workers_;
  bool spins_ = false;
  bool stopping_ = false;  // written before generation_ moves, as is task_
  const FunctionRef<void(int)>* task_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> generation_{0};  // of tasks; workers wait for it to move
  alignas(64) std::atomic<std::uint32_t> running_{0};     // workers still in this generation's task
  // Workers that have not begun this generation's task.
  alignas(64) std::atomic<std::uint32_t> not_started_{0};
  std::atomic<int> n_sleeping_{0};  // threads in the kernel or about to be
  std::atomic<int> caller_cpu_{-1};
};

}  // namespace nibble
