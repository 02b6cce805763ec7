#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace nibble {
namespace {

constexpr double kBarSeconds = 0.1, kLineSeconds = 5.0;
constexpr int kBarWidth = 30;

}  // namespace

Progress::Progress(std::string label, std::uint64_t total_bytes)
    : label_(std::move(label)),
      total_(total_bytes),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(terminal_ ? kBarSeconds : kLineSeconds) {}

Progress::~Progress() {
  if (terminal_ && shown_) std::fputs("\r\033[K", stderr);
}

void Progress::add(std::uint64_t bytes) {
  const std::uint64_t done = done_.fetch_add(bytes) + bytes;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || seconds < next_) return;
  next_ = seconds + (terminal_ ? kBarSeconds : kLineSeconds);
  show(seconds, done);
}

void Progress::show(double seconds, std::uint64_t done) {
  const double fraction = total_ == 0 ? 1.0 : double(done) / double(total_);
  const double rate = double(done) / seconds;
  const std::string text = fmt::format("{:3.0f} % {:.2f} GB/s, {:.0f} s left", fraction * 100, rate / 1e9,
                                       rate > 0 ? double(total_ - done) / rate : 0.0);
  if (terminal_) {
    const int filled = int(fraction * kBarWidth);
    std::fputs(
        fmt::format("\r{} [{:<{}}] {}\033[K", label_, std::string(std::size_t(filled), '#'), kBarWidth, text).c_str(),
        stderr);
  } else {
    std::fputs(fmt::format("{}: {}\n", label_, text).c_str(), stderr);
  }
  shown_ = true;
}

}  // namespace nibble
