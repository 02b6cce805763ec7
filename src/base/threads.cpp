#include "base/threads.h"

#include <sched.h>

#include <algorithm>

namespace nibble {

int available_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

ThreadTeam::ThreadTeam(int n_threads) {
  for (int thread = 1; thread < n_threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::run(const std::function<void(int)>& task) {
  if (workers_.empty()) return task(0);
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    running_ = int(workers_.size());
    ++generation_;
  }
  start_.notify_all();
  task(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return running_ == 0; });
  task_ = nullptr;
}

void ThreadTeam::parallel_for(std::size_t n, std::size_t grain,
                              const std::function<void(std::size_t, std::size_t)>& task) {
  const std::size_t pieces = (n + grain - 1) / grain;
  const std::size_t threads = std::size_t(size());
  run([&](int thread) {
    const std::size_t begin = pieces * std::size_t(thread) / threads * grain;
    const std::size_t end = std::min(n, pieces * (std::size_t(thread) + 1) / threads * grain);
    if (begin < end) task(begin, end);
  });
}

void ThreadTeam::work(int thread) {
  unsigned seen = 0;
  while (true) {
    const std::function<void(int)>* task = nullptr;
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
      task = task_;
    }
    (*task)(thread);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace nibble
