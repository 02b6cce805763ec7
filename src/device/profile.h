// A device that notes what every op of another one takes: how often, how long, what it had to read of weights and caches
// and how much it multiplied. For the table of `nibble bench --profile`; the forward pass knows nothing of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace nibble::device {

struct OpProfile {
  std::string op;  // "rms_norm", "matmul down_proj [2560, 10240] nvfp4"
  std::int64_t calls = 0;
  double seconds = 0;
  double bytes = 0;  // of matrices and KV caches; activations are small and mostly in caches
  double flops = 0;
};

class ProfilingDevice final : public Device {
 public:
  explicit ProfilingDevice(std::unique_ptr<Device> inner) : inner_(std::move(inner)) {}

  std::vector<OpProfile> profile() const;  // the longest first
  void reset() { ops_.clear(); }

  std::string describe() const override { return inner_->describe() + ", profiled"; }
  Activations activations() const override { return inner_->activations(); }
  Walls measure_walls() override { return inner_->measure_walls(); }
  std::unique_ptr<Buffer> allocate(int rows, int cols) override { return inner_->allocate(rows, cols); }
  std::unique_ptr<Matrix> load(std::span<const MatrixSource> stacked_by_row) override;
  std::unique_ptr<KvBuffer> allocate_kv(int n_slots, int n_kv_heads, int head_dim) override;
  std::uint64_t kv_slot_bytes(int n_kv_heads, int head_dim) const override {
    return inner_->kv_slot_bytes(n_kv_heads, head_dim);
  }
  std::uint64_t free_bytes() const override { return inner_->free_bytes(); }
  void write(std::span<const float> from, Array to) override;
  void read(Array from, std::span<float> to) override;
  void matmul(Array x, const Matrix& w, Array out) override;
  void logits(Array x, const Matrix& head, float cap, std::span<const int> largest, Array out) override;
  ScreenCounts screen_counts() const override { return inner_->screen_counts(); }
  void rms_norm(Array x, Array weight, int group, float eps, Array out) override;
  void add_rms_norm(Array h, Array weight, float eps, Array x) override;
  void rope(Array x, int head_dim, std::span<const int> positions, std::span<const float> frequencies) override;
  void store_kv(Array k, Array v, std::span<const int> slots, KvBuffer& cache) override;
  void attention(Array q, const KvBuffer& cache, std::span<const AttentionRow> rows, Array out) override;
  void gelu_multiply(Array gate, Array up, Array out) override;
  void add(Array x, Array y) override;
  void scale(Array x, float factor) override;
  void multiply_columns(Array x, Array weight) override;
  void softcap(Array x, float cap) override;
  void gather_rows(Array from, std::span<const int> rows, Array to) override;
  void scatter_add(Array from, std::span<const int> rows, std::span<const float> factors, Array to) override;

 private:
  struct Work {
    double bytes = 0, flops = 0;
  };
  template <typename Call>
  void timed(const std::string& op, Work work, const Call& call);

  std::unique_ptr<Device> inner_;
  std::map<const Matrix*, std::string> names_;
  std::map<std::string, OpProfile> ops_;
};

}  // namespace nibble::device
