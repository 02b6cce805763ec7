#include "device/cpu/cpu_device.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/available_memory.h"
#include "base/check.h"
#include "base/error.h"
#include "base/threads.h"
#include "device/cpu/kernels.h"
#include "device/cpu/quantize_input.h"
#include "device/cpu/screened_head.h"
#include "device/cpu/split_attention.h"
#include "device/cpu/walls.h"
#include "format/bf16.h"

namespace nibble::device {
namespace {

using namespace cpu;

struct CpuBuffer final : Buffer {
  CpuBuffer(int n_rows, int n_cols)
      : rows(n_rows), cols(n_cols), memory(std::size_t(n_rows) * std::size_t(n_cols) * sizeof(float)) {}
  Array array() const override { return {memory.as<float>(), rows, cols, cols}; }
  int rows, cols;
  Memory memory;
};

const char* name_of(HeadKind kind) {
  switch (kind) {
    case HeadKind::kExact: return "exact";
    case HeadKind::kScreened: return "screened";
    case HeadKind::kScreened4: return "screened4";
  }
  return "";
}

struct HeadMatrix final : PanelMatrix {
  HeadMatrix(PanelMatrix&& w, HeadKind kind, ThreadTeam& team) : PanelMatrix(std::move(w)) {
    screen = std::make_unique<ScreenedHead>(kind == HeadKind::kScreened4
                                                ? make_int4_screen(*this, team, kScreenFailure, std::random_device()())
                                                : make_int8_screen(*this, team));
    bytes += screen->bytes();
    bytes_read = screen->bytes();
  }
  std::unique_ptr<ScreenedHead> screen;  // has scratch: one product at a time
};

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuOptions& options)
      : reference_(options.reference),
        activations_(options.reference ? Activations::kF32
                     : options.int8    ? Activations::kInt8
                                       : Activations::kBF16),
        head_(options.reference ? HeadKind::kExact : options.head),
        kv_type_(options.reference ? KvType::kF32
                 : options.kv_fp8  ? KvType::kFP8
                                   : KvType::kBF16),
        kernels_(options.reference ? kScalar : select_kernels()),
        team_(options.n_threads > 0 ? options.n_threads : available_cpus(), options.pin_threads) {}

  std::string describe() const override {
    return fmt::format("{}: {} kernels, {} activations, {} head, {} KV cache, {} thread{}",
                       reference_ ? "reference" : "cpu", kernels_.name, name_of(activations()), name_of(head_),
                       name_of(kv_type_), team_.size(), team_.size() == 1 ? "" : "s");
  }
  Activations activations() const override { return activations_; }

  Walls measure_walls() override { return cpu::measure_walls(team_, kernels_); }

  std::unique_ptr<Buffer> allocate(int rows, int cols) override { return std::make_unique<CpuBuffer>(rows, cols); }

  std::unique_ptr<Matrix> load(std::span<const MatrixSource> sources) override {
    auto w = load_panels(sources, reference_, team_);
    const bool narrow = w->storage == Storage::kNVFP4 || w->storage == Storage::kInt4;
    w->integer_products = narrow && activations_ != Activations::kF32 &&
                          (activations_ == Activations::kInt8 || w->input == InputQuantization::kNVFP4);
    if (head_ == HeadKind::kExact || !sources[0].is_head || !can_screen(*w)) return w;
    return std::make_unique<HeadMatrix>(std::move(*w), head_, team_);
  }

  std::unique_ptr<KvBuffer> allocate_kv(int n_slots, int n_kv_heads, int head_dim) override {
    return std::make_unique<CpuKv>(make_kv(kv_type_, n_slots, n_kv_heads, head_dim));
  }
  std::uint64_t kv_slot_bytes(int n_kv_heads, int head_dim) const override {
    return 2 * std::uint64_t(n_kv_heads) * std::uint64_t(head_dim) * size_of(kv_type_);
  }
  std::uint64_t free_bytes() const override { return available_memory(); }

  void write(std::span<const float> from, Array to) override {
    for (int r = 0; r < to.rows; ++r) std::copy_n(from.data() + std::ptrdiff_t(r) * to.cols, to.cols, to.row(r));
  }
  void read(Array from, std::span<float> to) override {
    for (int r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.cols, to.data() + std::ptrdiff_t(r) * from.cols);
  }

  void matmul(Array x, const Matrix& matrix, Array out) override {
    const auto& w = static_cast<const PanelMatrix&>(matrix);
    const Operand operand = operand_.fill(x, w, activations_, [&](const auto& task) { for_rows(x, task); });
    team_.parallel_for(std::size_t(w.n_panels), 1, [&](std::size_t begin, std::size_t end) {
      kernels_.matmul(w, operand, int(begin), int(end), out);
    });
  }

  void logits(Array x, const Matrix& head, float cap, std::span<const int> largest, Array out) override {
    const auto* screened = dynamic_cast<const HeadMatrix*>(&head);
    if (screened != nullptr && std::ranges::none_of(largest, [](int n) { return n == 0; })) {
      const Operand operand = operand_.fill(x, *screened, activations_, [&](const auto& task) { for_rows(x, task); });
      if (screened->screen->run(team_, kernels_, *screened, operand, cap, largest, out, screen_counts_)) return;
      ++screen_counts_.fallbacks;
    }
    matmul(x, head, out);
    if (cap > 0) softcap(out, cap);
  }

  ScreenCounts screen_counts() const override { return screen_counts_; }

  void rms_norm(Array x, Array weight, int group, float eps, Array out) override {
    for_rows(x, [&](int r) {
      for (int begin = 0; begin < x.cols; begin += group) {
        const float* from = x.row(r) + begin;
        float* to = out.row(r) + begin;
        const float factor = inverse_rms(from, group, eps);
        for (int i = 0; i < group; ++i) to[i] = from[i] * factor * (weight.data ? weight.data[i] : 1.0f);
      }
    });
  }

  void add_rms_norm(Array h, Array weight, float eps, Array x) override {
    for_rows(x, [&](int r) {
      const float* from = h.row(r);
      float* to = x.row(r);
      const float factor = inverse_rms(from, h.cols, eps);
      for (int i = 0; i < h.cols; ++i) to[i] += from[i] * factor * weight.data[i];
    });
  }

  void rope(Array x, int head_dim, std::span<const int> positions, std::span<const float> frequencies) override {
    const RopeAngles& angles = rope_angles(positions, frequencies);
    const int n = int(frequencies.size());
    for_rows(x, [&](int r) {
      const float* cosines = angles.cosines.data() + std::ptrdiff_t(r) * n;
      const float* sines = angles.sines.data() + std::ptrdiff_t(r) * n;
      for (int head = 0; head < x.cols; head += head_dim) {
        float* low = x.row(r) + head;
        float* high = low + head_dim / 2;
        for (int i = 0; i < n; ++i) {
          const float a = low[i], b = high[i];
          low[i] = a * cosines[i] - b * sines[i];
          high[i] = b * cosines[i] + a * sines[i];
        }
      }
    });
  }

  void store_kv(Array k, Array v, std::span<const int> slots, KvBuffer& buffer) override {
    auto& cache = static_cast<CpuKv&>(buffer);
    const std::size_t width = std::size_t(cache.n_kv_heads) * std::size_t(cache.head_dim);
    for (const int slot : slots) check(slot >= 0 && slot < cache.n_slots, "a KV slot lies in its cache");
    for_rows(k, [&](int r) {
      const int slot = slots[std::size_t(r)];
      store(k.row(r), width, cache.type, cache.keys, std::size_t(slot) * width);
      store(v.row(r), width, cache.type, cache.values, std::size_t(slot) * width);
    });
  }

  void attention(Array q, const KvBuffer& cache, std::span<const AttentionRow> rows, Array out) override {
    attention_.run(team_, kernels_, q, static_cast<const CpuKv&>(cache), rows, out);
  }

  void gelu_multiply(Array gate, Array up, Array out) override {
    for_pieces(gate, [&](int r, int begin, int n) {
      kernels_.gelu_multiply(gate.row(r) + begin, up.row(r) + begin, out.row(r) + begin, n);
    });
  }
  void add(Array x, Array y) override {
    for_pieces(x, [&](int r, int begin, int n) {
      const float* from = x.row(r) + begin;
      float* to = y.row(r) + begin;
      for (int i = 0; i < n; ++i) to[i] += from[i];
    });
  }
  void scale(Array x, float factor) override {
    for_pieces(x, [&](int r, int begin, int n) {
      float* at = x.row(r) + begin;
      for (int i = 0; i < n; ++i) at[i] *= factor;
    });
  }
  void multiply_columns(Array x, Array weight) override {
    for_pieces(x, [&](int r, int begin, int n) {
      float* at = x.row(r) + begin;
      for (int i = 0; i < n; ++i) at[i] *= weight.data[begin + i];
    });
  }
  void softcap(Array x, float cap) override {
    for_pieces(x, [&](int r, int begin, int n) { kernels_.softcap(x.row(r) + begin, cap, n); });
  }
  void gather_rows(Array from, std::span<const int> rows, Array to) override {
    for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(from.row(rows[i]), from.cols, to.row(int(i)));
  }
  void scatter_add(Array from, std::span<const int> rows, std::span<const float> factors, Array to) override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (int c = 0; c < from.cols; ++c) to.row(rows[i])[c] += factors[i] * from.row(int(i))[c];
  }

 private:
  float inverse_rms(const float* x, int n, float eps) const {
    return 1.0f / std::sqrt(kernels_.sum_of_squares(x, n) / float(n) + eps);
  }

  // What RoPE multiplies with at the rows of a batch: [rows, frequencies] each.
  struct RopeAngles {
    std::vector<int> positions;
    std::vector<float> frequencies, cosines, sines;
  };

  // Queries and keys of every layer of a kind rotate alike in a step, and a model has two kinds: the angles of the
  // last two calls that differed are kept.
  const RopeAngles& rope_angles(std::span<const int> positions, std::span<const float> frequencies) {
    for (const RopeAngles& known : rope_)
      if (std::ranges::equal(known.positions, positions) && std::ranges::equal(known.frequencies, frequencies))
        return known;
    std::swap(rope_[0], rope_[1]);
    RopeAngles& angles = rope_[0];
    angles.positions.assign(positions.begin(), positions.end());
    angles.frequencies.assign(frequencies.begin(), frequencies.end());
    const std::size_t n = frequencies.size();
    angles.cosines.resize(positions.size() * n);
    angles.sines.resize(positions.size() * n);
    for_rows(int(positions.size()), int(n) * kLibraryCall, [&](int r) {
      for (std::size_t i = 0; i < n; ++i) {
        const float angle = float(positions[std::size_t(r)]) * frequencies[i];
        angles.cosines[std::size_t(r) * n + i] = std::cos(angle);
        angles.sines[std::size_t(r) * n + i] = std::sin(angle);
      }
    });
    return angles;
  }

  // Work is counted in elements of a plain loop, a nanosecond or less each. The team is worth waking, at a microsecond
  // or two, from kTeamWork on.
  static constexpr std::int64_t kTeamWork = 8192;
  static constexpr int kLibraryCall = 32;

  // task(row), the rows shared out.
  template <typename Task>
  void for_rows(int n, int work_of_a_row, const Task& task) {
    if (n < 2 || std::int64_t{n} * work_of_a_row < kTeamWork) {
      for (int r = 0; r < n; ++r) task(r);
      return;
    }
    team_.parallel_for(std::size_t(n), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) task(int(r));
    });
  }
  template <typename Task>
  void for_rows(Array x, const Task& task) {
    for_rows(x.rows, x.cols, task);
  }

  // task(row, first column, columns) over all elements of an array; a long row is shared out, too.
  template <typename Task>
  void for_pieces(Array x, const Task& task) {
    constexpr int kPiece = 1024;
    if (x.cols <= kPiece) return for_rows(x, [&](int r) { task(r, 0, x.cols); });
    const int n_pieces = (x.cols + kPiece - 1) / kPiece;
    for_rows(x.rows * n_pieces, kPiece, [&](int i) {
      const int begin = i % n_pieces * kPiece;
      task(i / n_pieces, begin, std::min(kPiece, x.cols - begin));
    });
  }

  bool reference_;
  Activations activations_;
  HeadKind head_;
  KvType kv_type_;
  const Kernels& kernels_;
  ThreadTeam team_;
  OperandBuffer operand_;
  ScreenCounts screen_counts_;
  std::array<RopeAngles, 2> rope_;
  SplitAttention attention_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options) { return std::make_unique<CpuDevice>(options); }

}  // namespace nibble::device
