#include "base/threads.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace nibble {
namespace {

// Longer than the serial work between two loops of a decode step (norms, RoPE: 1 to 15 us), shorter than
// anything a neighbour on the machine would notice. A futex wake costs 5 to 50 us.
constexpr double kSpinUs = 30;
// A worker that spins starts within a microsecond; one that has not by now waits for a CPU, perhaps for the
// caller's.
constexpr double kStartUs = 5;

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free,
              "the kernel reads the value itself");

// Leaves the core to others for an instant.
void pause_cpu() {
#ifdef __aarch64__
  asm volatile("isb");  // yield, named for it, does nothing on most cores
#else
  __builtin_ia32_pause();
#endif
}

}  // namespace

int available_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// A team larger than the machine does not spin: it would keep from the CPU the very thread it waits for.
ThreadTeam::ThreadTeam(int n_threads, bool pinned) : spins_(n_threads <= available_cpus()) {
  for (int thread = 1; thread < n_threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
  if (pinned && spins_) pin_workers();
}

void ThreadTeam::pin_workers() {
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof(mine), &mine) != 0) return;
  int cpu = -1;
  const auto next = [&] {
    do ++cpu;
    while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &mine));
  };
  next();
  for (std::thread& worker : workers_) {
    next();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(worker.native_handle(), sizeof(one), &one);  // a refusal costs speed only
  }
}

ThreadTeam::~ThreadTeam() {
  stopping_ = true;
  generation_.fetch_add(1);
  wake(generation_);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::run(FunctionRef<void(int)> task) {
  if (workers_.empty()) return task(0);
  task_ = &task;
  running_.store(std::uint32_t(workers_.size()), std::memory_order_relaxed);
  not_started_.store(std::uint32_t(workers_.size()), std::memory_order_relaxed);
  caller_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
  generation_.fetch_add(1);  // publishes what is above
  wake(generation_);
  task(0);
  while (const std::uint32_t left = running_.load())
    wait_while(running_, left, [&](double us) { return us < (not_started_.load() > 0 ? kStartUs : kSpinUs); });
}

void ThreadTeam::parallel_for(std::size_t n, std::size_t grain, FunctionRef<void(std::size_t, std::size_t)> task) {
  const std::size_t pieces = (n + grain - 1) / grain;
  const std::size_t threads = std::size_t(size());
  run([&](int thread) {
    const std::size_t begin = pieces * std::size_t(thread) / threads * grain;
    const std::size_t end = std::min(n, pieces * (std::size_t(thread) + 1) / threads * grain);
    if (begin < end) task(begin, end);
  });
}

void ThreadTeam::work(int thread) {
  for (std::uint32_t seen = 0;; ++seen) {
    // On a busy machine both may have been given one CPU: then spinning only keeps the caller off it.
    while (generation_.load() == seen)
      wait_while(generation_, seen, [&](double us) { return us < kSpinUs && sched_getcpu() != caller_cpu_.load(); });
    if (stopping_) return;
    --not_started_;
    (*task_)(thread);
    if (running_.fetch_sub(1) == 1) wake(running_);
  }
}

// Returns once `value` was seen to differ from `is`, or for no reason: spins as long as told, then sleeps.
// Not with std::atomic's wait, which gives the CPU away before it sleeps: to a neighbour, for milliseconds.
void ThreadTeam::wait_while(std::atomic<std::uint32_t>& value, std::uint32_t is,
                            FunctionRef<bool(double spun_us)> spin_on) {
  using Clock = std::chrono::steady_clock;
  for (const auto start = Clock::now();
       spins_ && spin_on(std::chrono::duration<double, std::micro>(Clock::now() - start).count());) {
    for (int i = 0; i < 32; ++i) {
      if (value.load() != is) return;
      pause_cpu();
    }
  }
  // A waker changes the value, then looks for sleepers; a sleeper counts itself, then (in the kernel) looks
  // at the value: one of the two sees the other.
  ++n_sleeping_;
  ::syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, is, nullptr, nullptr, 0);
  --n_sleeping_;
}

void ThreadTeam::wake(std::atomic<std::uint32_t>& value) {
  if (n_sleeping_.load() > 0) ::syscall(SYS_futex, &value, FUTEX_WAKE_PRIVATE, workers_.size(), nullptr, nullptr, 0);
}

}  // namespace nibble
