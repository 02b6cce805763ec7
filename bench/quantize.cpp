// How fast a checkpoint is quantized, as a share of a plain copy of the same files by as many threads, in turns with it
// so that both meet the same neighbours. Reads from the page cache when the model fits; peak memory of the process beside.
//   quantize [MODEL] [--work DIR] [--rounds N]
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/threads.h"
#include "quantize/kernels.h"
#include "quantize/quantize.h"

namespace {

namespace fs = std::filesystem;
using namespace nibble;

constexpr std::size_t kPieceBytes = 512u << 10;  // as the quantizer reads

template <typename Task>
double seconds_of(const Task& task) {
  const auto start = std::chrono::steady_clock::now();
  task();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Copies the weights with the threads taking pieces in turn, and syncs them: what the quantizer does, less its work.
void copy(const std::vector<fs::path>& files, const fs::path& to, ThreadTeam& team) {
  for (const fs::path& path : files) {
    const File from = File::open_read(path.string());
    OutputFile out = OutputFile::create((to / path.filename()).string());
    std::atomic<std::uint64_t> next{0};
    team.run([&](int) {
      std::vector<std::byte> piece;
      for (std::uint64_t at = next.fetch_add(kPieceBytes); at < from.size_bytes(); at = next.fetch_add(kPieceBytes)) {
        piece.resize(std::min<std::uint64_t>(kPieceBytes, from.size_bytes() - at));
        from.read_at(at, piece);
        out.write_at(at, piece);
      }
    });
    out.close();
  }
}

struct Options {
  std::string model = "build/e4b-6", work = "build/bench-quantize";
  int rounds = 3;
};

void measure(const Options& options, int n_threads) {
  ThreadTeam team(n_threads);
  std::vector<fs::path> files;
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(options.model)) {
    if (entry.path().extension() != ".safetensors") continue;
    files.push_back(entry.path());
    bytes += entry.file_size();
  }
  const fs::path copied = fs::path(options.work) / "copy", out = fs::path(options.work) / "out";
  const quantize::Scheme schemes[] = {quantize::Scheme::kNVFP4A16, quantize::Scheme::kFP8Dynamic};
  std::vector<double> copy_seconds, seconds[std::size(schemes)];
  for (int round = 0; round < options.rounds; ++round) {
    fs::create_directories(copied);
    copy_seconds.push_back(seconds_of([&] { copy(files, copied, team); }));
    fs::remove_all(copied);
    for (std::size_t i = 0; i < std::size(schemes); ++i) {
      quantize::Options job;
      job.model = options.model;
      job.output = out.string();
      job.recipe.scheme = schemes[i];
      job.n_threads = n_threads;
      seconds[i].push_back(seconds_of([&] { quantize::quantize(job); }));
      fs::remove_all(out);
    }
  }
  const double gigabytes = double(bytes) / 1e9;
  const auto print = [&](const char* what, const std::vector<double>& times) {
    const auto [fastest, slowest] = std::minmax_element(times.begin(), times.end());
    fmt::print(
        "{:<12} {} thread{} {:7.2f} s ({:.2f} to {:.2f})  {:6.2f} GB/s  {:6.2f} GB/s a thread  {:4.0f} % of the copy\n",
        what, n_threads, n_threads == 1 ? " " : "s", median(times), *fastest, *slowest, gigabytes / median(times),
        gigabytes / median(times) / n_threads, 100 * median(copy_seconds) / median(times));
  };
  print("copy", copy_seconds);
  for (std::size_t i = 0; i < std::size(schemes); ++i) print(quantize::name_of(schemes[i]).c_str(), seconds[i]);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How fast a checkpoint is quantized, beside a plain copy of it", "quantize");
  Options options;
  app.add_option("model", options.model, "directory of a BF16 checkpoint")->capture_default_str();
  app.add_option("--work", options.work, "directory to write in")->capture_default_str();
  app.add_option("--rounds", options.rounds, "medians are over this many")
      ->capture_default_str()
      ->check(CLI::Range(1, 99));
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::off);
  fs::create_directories(options.work);
  fmt::print("{}: {} kernels\n", options.model, quantize::select_kernels().name);
  measure(options, 1);
  if (available_cpus() > 1) measure(options, available_cpus());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak memory {:.0f} MB\n", double(usage.ru_maxrss) * 1024 / 1e6);
  fs::remove_all(options.work);
}
