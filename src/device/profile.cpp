#include "device/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace nibble::device {
namespace {

// "down_proj" of "model.language_model.layers.3.mlp.down_proj"; several stacked ones joined by '+'.
std::string label(std::span<const MatrixSource> sources, const Matrix& matrix) {
  std::string names;
  for (const MatrixSource& source : sources) {
    std::string name = source.name;
    if (name.ends_with(".weight")) name.resize(name.size() - 7);
    names += (names.empty() ? "" : "+") + name.substr(name.rfind('.') + 1);
  }
  return fmt::format("matmul {} [{}, {}] {}", names, matrix.rows, matrix.cols, name_of(matrix.storage));
}

}  // namespace

template <typename Call>
void ProfilingDevice::timed(const std::string& op, Work work, const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  OpProfile& row = ops_[op];
  row.op = op;
  ++row.calls;
  row.seconds += seconds.count();
  row.bytes += work.bytes;
  row.flops += work.flops;
}

std::vector<OpProfile> ProfilingDevice::profile() const {
  std::vector<OpProfile> rows;
  for (const auto& [op, row] : ops_) rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](const OpProfile& a, const OpProfile& b) { return a.seconds > b.seconds; });
  return rows;
}

std::unique_ptr<Matrix> ProfilingDevice::load(std::span<const MatrixSource> sources) {
  std::unique_ptr<Matrix> matrix = inner_->load(sources);
  names_[matrix.get()] = label(sources, *matrix);
  return matrix;
}

std::unique_ptr<KvBuffer> ProfilingDevice::allocate_kv(int n_slots, int n_kv_heads, int head_dim) {
  return inner_->allocate_kv(n_slots, n_kv_heads, head_dim);
}

void ProfilingDevice::write(std::span<const float> from, Array to) {
  timed("write", {}, [&] { inner_->write(from, to); });
}
void ProfilingDevice::read(Array from, std::span<float> to) {
  timed("read", {}, [&] { inner_->read(from, to); });
}

void ProfilingDevice::matmul(Array x, const Matrix& w, Array out) {
  const Work work{.bytes = double(w.bytes_read), .flops = 2.0 * w.rows * w.cols * x.rows};
  timed(names_.at(&w), work, [&] { inner_->matmul(x, w, out); });
}

void ProfilingDevice::logits(Array x, const Matrix& head, float cap, std::span<const int> largest, Array out) {
  const Work work{.bytes = double(head.bytes_read), .flops = 2.0 * head.rows * head.cols * x.rows};
  timed(names_.at(&head), work, [&] { inner_->logits(x, head, cap, largest, out); });
}

void ProfilingDevice::attention(Array q, const KvBuffer& cache, std::span<const AttentionRow> rows, Array out) {
  const double bytes_per_position = double(cache.bytes) / cache.n_slots;
  double positions = 0;
  for (const AttentionRow& row : rows) positions += row.last - row.first + 1;
  const Work work{.bytes = positions * bytes_per_position, .flops = 4.0 * positions * q.cols};
  timed(fmt::format("attention, heads of {}", cache.head_dim), work, [&] { inner_->attention(q, cache, rows, out); });
}

void ProfilingDevice::rms_norm(Array x, Array weight, int group, float eps, Array out) {
  timed("rms_norm", {}, [&] { inner_->rms_norm(x, weight, group, eps, out); });
}
void ProfilingDevice::add_rms_norm(Array h, Array weight, float eps, Array x) {
  timed("add_rms_norm", {}, [&] { inner_->add_rms_norm(h, weight, eps, x); });
}
void ProfilingDevice::rope(Array x, int head_dim, std::span<const int> positions, std::span<const float> frequencies) {
  timed("rope", {}, [&] { inner_->rope(x, head_dim, positions, frequencies); });
}
void ProfilingDevice::store_kv(Array k, Array v, std::span<const int> slots, KvBuffer& cache) {
  timed("store_kv", {}, [&] { inner_->store_kv(k, v, slots, cache); });
}
void ProfilingDevice::gelu_multiply(Array gate, Array up, Array out) {
  timed("gelu_multiply", {}, [&] { inner_->gelu_multiply(gate, up, out); });
}
void ProfilingDevice::add(Array x, Array y) {
  timed("add", {}, [&] { inner_->add(x, y); });
}
void ProfilingDevice::scale(Array x, float factor) {
  timed("scale", {}, [&] { inner_->scale(x, factor); });
}
void ProfilingDevice::multiply_columns(Array x, Array weight) {
  timed("multiply_columns", {}, [&] { inner_->multiply_columns(x, weight); });
}
void ProfilingDevice::softcap(Array x, float cap) {
  timed("softcap", {}, [&] { inner_->softcap(x, cap); });
}
void ProfilingDevice::gather_rows(Array from, std::span<const int> rows, Array to) {
  timed("gather_rows", {}, [&] { inner_->gather_rows(from, rows, to); });
}
void ProfilingDevice::scatter_add(Array from, std::span<const int> rows, std::span<const float> factors, Array to) {
  timed("scatter_add", {}, [&] { inner_->scatter_add(from, rows, factors, to); });
}

}  // namespace nibble::device
