// The CPU device's operations at the shapes of E4B, as shares of what this machine reads and multiplies, both
// measured in this process: matrix products per storage and number of tokens, then the small operations of a
// decode step, the team's wake-up and the packing at load. CPU_KERNELS picks the instruction set.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "base/threads.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/kernels.h"
#include "device/device.h"
#include "format/bf16.h"

namespace nibble::device {
namespace {

using Clock = std::chrono::steady_clock;
bool cpu_time = false;  // of this process instead of the wall's: with one thread, neighbours then count for less

double now() {
  timespec time;
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

template <typename Task>
double seconds_of(const Task& task) {
  const double start = now();
  task();
  return now() - start;
}

// Of many short runs within `budget` seconds the time that a tenth of them beat: neighbours on the machine
// can only slow a run down. Calls task(i), i = 0, 1, 2, ...
template <typename Task>
double typical_seconds(double budget, const Task& task) {
  std::vector<double> times;
  double spent = 0;
  for (int i = 0; i < 10 || (spent < budget && i < 100000); ++i) {
    times.push_back(seconds_of([&] { task(i); }));
    spent += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

// --- matrix products

struct Shape {
  const char* what;
  int rows, cols;
};
constexpr Shape kShapes[] = {
    {"gate", 10240, 2560}, {"down", 2560, 10240}, {"q", 2048, 2560}, {"q full", 4096, 2560}, {"ple", 2560, 256}};
constexpr Shape kHead = {"head", 32768, 2560};
constexpr Storage kStorages[] = {Storage::kBF16, Storage::kFP8, Storage::kNVFP4, Storage::kInt4};
constexpr int kTokens[] = {1, 2, 4, 8, 32, 128};

// Weights whose bytes repeat after a while: only their number matters.
struct Bytes {
  std::vector<std::byte> codes, scales;
};

MatrixSource source_of(const Shape& shape, Storage storage, const Bytes& bytes) {
  const auto reader = [](const std::vector<std::byte>& from) {
    return [&from](std::uint64_t offset, std::span<std::byte> out) {
      for (std::size_t done = 0; done < out.size();) {
        const std::size_t at = (offset + done) % from.size(), n = std::min(from.size() - at, out.size() - done);
        std::memcpy(out.data() + done, from.data() + at, n);
        done += n;
      }
    };
  };
  return {.name = shape.what,
          .storage = storage,
          .rows = shape.rows,
          .cols = shape.cols,
          .group = 32,
          .scale_count = shape.rows,
          .codes = reader(bytes.codes),
          .scales = reader(bytes.scales)};
}

Bytes random_bytes(Storage storage) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Bytes bytes;
  for (int i = 0; i < 1 << 18; ++i) {
    const std::uint16_t bf16 = format::f32_to_bf16(normal(random));
    for (const unsigned byte : {bf16 & 0xffu, unsigned{bf16} >> 8}) {
      bytes.codes.push_back(std::byte(storage == Storage::kBF16 ? byte : random() & 0xf7));  // no e4m3 NaN
      bytes.scales.push_back(std::byte(storage == Storage::kNVFP4 ? random() & 0x77 : byte));
    }
  }
  return bytes;
}

// Products with copies of a matrix in turn, so many that no cache holds them all: what a decode step sees.
void bench_matmul(Device& device, const Shape& shape, Storage storage, std::size_t total_bytes, const Walls& walls) {
  const Bytes bytes = random_bytes(storage);
  const MatrixSource source = source_of(shape, storage, bytes);
  std::vector<std::unique_ptr<Matrix>> copies;
  double load_seconds = 0;
  while (copies.empty() || copies.size() * copies[0]->bytes < total_bytes)
    load_seconds += seconds_of([&] { copies.push_back(device.load({&source, 1})); });
  const double peak = copies[0]->integer_products ? walls.int8_ops : walls.float_flops;
  const double loaded = double(copies.size() * copies[0]->bytes);
  for (const int n_tokens : kTokens) {
    const auto x = device.allocate(n_tokens, shape.cols), out = device.allocate(n_tokens, shape.rows);
    std::vector<float> values(std::size_t(n_tokens) * std::size_t(shape.cols), 0.5f);
    device.write(values, x->array());
    const double seconds = typical_seconds(
        0.2, [&](int i) { device.matmul(x->array(), *copies[std::size_t(i) % copies.size()], out->array()); });
    const double bytes_rate = double(copies[0]->bytes) / seconds;
    const double flop_rate = 2.0 * shape.rows * shape.cols * n_tokens / seconds;
    fmt::print("{:<7} {:<7} {:>6} x {:<6} {:>4} {:>10.1f} {:>8.2f} {:>5.0f}% {:>9.1f} {:>5.0f}%{}\n", shape.what,
               name_of(storage), shape.rows, shape.cols, n_tokens, seconds * 1e6, bytes_rate * 1e-9,
               100 * bytes_rate / walls.read_bytes_per_second, flop_rate * 1e-9,
               peak > 0 ? 100 * flop_rate / peak : 0.0,
               n_tokens == 1 ? fmt::format("   load {:.2f} GB/s", loaded / load_seconds * 1e-9) : "");
    std::fflush(stdout);
  }
}

// --- the rest of a decode step

void print_op(const char* what, int per_token, double seconds) {
  fmt::print("{:<34} {:>9.2f} us  x {:>3} = {:>8.1f} us a token\n", what, seconds * 1e6, per_token,
             seconds * per_token * 1e6);
}

void bench_small_ops(Device& device) {
  constexpr int kModel = 2560, kFfn = 10240, kHeadDim = 256, kHeads = 8, kVocabulary = 262144;
  const auto make = [&](int cols) {
    auto buffer = device.allocate(1, cols);
    const std::vector<float> values(std::size_t(cols), 0.5f);
    device.write(values, buffer->array());
    return buffer;
  };
  const auto x = make(kModel), y = make(kModel), weight = make(kModel), gate = make(kFfn), up = make(kFfn);
  const auto q = make(kHeads * kHeadDim), head_norm = make(kHeadDim), logits = make(kVocabulary);
  const auto k = make(2 * kHeadDim), v = make(2 * kHeadDim);
  std::vector<float> frequencies;
  for (int i = 0; i < kHeadDim / 2; ++i) frequencies.push_back(1.0f / float(i + 1));
  const auto time = [](const auto& op) { return typical_seconds(0.05, op); };
  constexpr float kEps = 1e-6f;
  print_op("rms_norm [2560]", 84,
           time([&](int) { device.rms_norm(x->array(), weight->array(), kModel, kEps, y->array()); }));
  print_op("add_rms_norm [2560]", 126,
           time([&](int) { device.add_rms_norm(y->array(), weight->array(), kEps, x->array()); }));
  print_op("rms_norm of q [8 x 256]", 42,
           time([&](int) { device.rms_norm(q->array(), head_norm->array(), kHeadDim, kEps, q->array()); }));
  int position = 0;
  print_op("rope of q, new position", 2, time([&](int) {
             ++position;
             device.rope(q->array(), kHeadDim, {&position, 1}, frequencies);
           }));
  print_op("rope of q, position as before", 40, time([&](int) {
             device.rope(q->array(), kHeadDim, {&position, 1}, frequencies);
           }));
  print_op("rope of k", 24, time([&](int) { device.rope(k->array(), kHeadDim, {&position, 1}, frequencies); }));
  print_op("gelu_multiply [10240]", 42,
           time([&](int) { device.gelu_multiply(gate->array(), up->array(), gate->array()); }));
  print_op("scale [2560]", 42, time([&](int) { device.scale(x->array(), 1.0f); }));
  print_op("softcap [262144]", 1, time([&](int) { device.softcap(logits->array(), 30.0f); }));
  for (const int n_positions : {512, 8192}) {
    const int n_blocks = n_positions / kKvBlock;
    const auto cache = device.allocate_kv(n_positions, 2, kHeadDim);
    std::vector<int> blocks;
    for (int b = 0; b < n_blocks; ++b) blocks.push_back(b);
    for (int slot = 0; slot < n_positions; ++slot) device.store_kv(k->array(), v->array(), {&slot, 1}, *cache);
    const AttentionRow row = {0, n_positions - 1, blocks.data(), n_blocks};
    print_op(fmt::format("attention, 8 heads, {} positions", n_positions).c_str(), n_positions == 512 ? 35 : 7,
             time([&](int) {
               device.attention(q->array(), *cache, {&row, 1}, q->array());
             }));
  }
  int slot = 0;
  const auto cache = device.allocate_kv(32, 2, kHeadDim);
  print_op("store_kv [2 x 256]", 24, time([&](int) { device.store_kv(k->array(), v->array(), {&slot, 1}, *cache); }));
}

void bench_wake(ThreadTeam& team) {
  for (const int pause_us : {0, 10, 1000}) {
    std::vector<double> times;
    for (int i = 0; i < (pause_us == 1000 ? 200 : 5000); ++i) {
      const auto until = Clock::now() + std::chrono::microseconds(pause_us);
      while (pause_us < 1000 && Clock::now() < until) {
      }
      if (pause_us == 1000) std::this_thread::sleep_until(until);
      times.push_back(seconds_of([&] { team.run([](int) {}); }));
    }
    std::sort(times.begin(), times.end());
    fmt::print("an empty loop on {} threads, {:>4} us after the last: median {:.2f} us, 99 % {:.2f} us\n", team.size(),
               pause_us, times[times.size() / 2] * 1e6, times[times.size() * 99 / 100] * 1e6);
  }
}

void bench(int n_threads, std::size_t total_bytes, std::string_view only, bool int8) {
  const auto device = make_cpu_device({.n_threads = n_threads, .int8 = int8});
  const Walls walls = device->measure_walls();
  fmt::print("{}\nread {:.1f} GB/s, multiply {:.1f} GFLOP/s in floating point, {:.1f} GOP/s in int8\n",
             device->describe(), walls.read_bytes_per_second * 1e-9, walls.float_flops * 1e-9, walls.int8_ops * 1e-9);
  if (only.empty()) {
    ThreadTeam team(n_threads > 0 ? n_threads : available_cpus());
    bench_wake(team);
    bench_small_ops(*device);
  }
  fmt::print("\n{:<7} {:<7} {:>6}   {:<6} {:>4} {:>10} {:>8} {:>6} {:>9} {:>6}\n", "matrix", "storage", "rows", "cols",
             "n", "us", "GB/s", "read", "GFLOP/s", "peak");
  for (const Storage storage : kStorages)
    for (const Shape& shape : kShapes)
      if (only.empty() || only == shape.what) bench_matmul(*device, shape, storage, total_bytes, walls);
  if (only.empty() || only == kHead.what) bench_matmul(*device, kHead, Storage::kBF16, total_bytes, walls);
}

}  // namespace
}  // namespace nibble::device

int main(int argc, char** argv) {
  CLI::App app{"CPU kernels against this machine's walls"};
  int n_threads = 0, megabytes = 256;
  app.add_option("--threads", n_threads, "0: one a CPU");
  app.add_option("--megabytes", megabytes, "weights in turn per line; above the last-level cache");
  std::string only;
  app.add_option("--only", only, "one matrix: gate, down, q, ple, head");
  app.add_flag("--cpu-time", nibble::device::cpu_time, "time of this process's threads; with --threads 1");
  bool int8 = false;
  app.add_flag("--int8", int8, "inputs of 4-bit matrices as int8");
  CLI11_PARSE(app, argc, argv);
  nibble::device::bench(n_threads, std::size_t(megabytes) << 20, only, int8);
}
