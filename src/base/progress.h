// Progress of a long job, on stderr: a bar with rate and time left on a terminal, a plain line every few seconds elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace nibble {

class Progress {
 public:
  Progress(std::string label, std::uint64_t total_bytes);
  ~Progress();                    // ends the bar's line
  void add(std::uint64_t bytes);  // from any thread

 private:
  void show(double seconds, std::uint64_t done);

  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::uint64_t total_;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
  double next_ = 0;  // seconds since the start
  bool shown_ = false;
};

}  // namespace nibble
