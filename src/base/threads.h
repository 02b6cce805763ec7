// A persistent team of threads for parallel loops. The caller is thread 0, so a team of one starts none.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nibble {

// CPUs this process may run on (its affinity mask), at least 1.
int available_cpus();

class ThreadTeam {
 public:
  explicit ThreadTeam(int n_threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return int(workers_.size()) + 1; }

  // Calls task(thread) once on every thread, 0 .. size() - 1, and returns when all have returned. Tasks must not throw.
  void run(const std::function<void(int thread)>& task);

  // Splits [0, n) into size() contiguous ranges, multiples of `grain` long but for the last: task(begin, end).
  void parallel_for(std::size_t n, std::size_t grain, const std::function<void(std::size_t, std::size_t)>& task);

 private:
  void work(int thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* task_ = nullptr;
  unsigned generation_ = 0;
  int running_ = 0;
  bool stopping_ = false;
};

}  // namespace nibble
