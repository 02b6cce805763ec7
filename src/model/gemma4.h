// The text model's forward pass, written once over Device.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "model/kv_cache.h"
#include "model/weights.h"

namespace nibble::model {

// One token of one sequence. Prefill and decode are the same step with different rows; the rows of a sequence come in
// the order of their positions, and its earlier positions are in the cache.
struct Row {
  int token = 0;
  int sequence = 0;
  int position = 0;
  bool wants_logits = false;
  int largest = 0;  // so many of the largest logits are needed; 0: all
};

// Sees activations as they are computed; null members are not called. Used to compare with the reference layer by layer
// and to calibrate.
struct Observer {
  // Names as the reference's modules: ("layer", 3), ("self_attn.q_norm", 3), ("embed", -1), ("norm", -1)
  std::function<void(std::string_view name, int layer, device::Array value)> activation;
  std::function<void(const std::vector<std::string>& modules, device::Array input)> linear_input;
};

class Gemma4 {
 public:
  Gemma4(device::Device& device, const Weights& weights, int max_batch_rows);
  ~Gemma4();

  // Runs the rows and returns the logits of those that want them, in their order: [n_wanting, n_vocab] in device memory,
  // valid until the next step; device::kUnwanted where they are too small to be needed. Rows that want none stop at the last layer that stores KV, which is exact.
  device::Array step(std::span<const Row> rows, KvCache& cache, const Observer* observer = nullptr);

  const format::TextConfig& config() const { return weights_.config.text; }
  int max_batch_rows() const { return max_batch_rows_; }

 private:
  struct Scratch;
  struct Batch;
  void project(device::Array x, const Linear& linear, device::Array out);
  float embedding_scale(int width) const;
  void read_rows(const RowTable& table, const std::vector<int>& tokens, device::Array out);
  void embed(const Batch& batch);
  void per_layer_inputs(const Batch& batch, int begin, int end, const Linear& projection);
  void keep(const std::vector<int>& rows, Batch& batch, Batch&& kept);
  device::Array logits(std::span<const int> largest);
  void attention(const Layer& layer, int index, const Batch& batch, KvCache& cache);
  void feed_forward(const Layer& layer, int index, const Batch& batch);
  void mixture(const MixtureOfExperts& moe, int index, device::Array x, device::Array out);
  void per_layer_embedding(const Layer& layer, int index, const Batch& batch);
  void observe(std::string_view name, int layer, device::Array value);

  device::Device& device_;
  const Weights& weights_;
  int max_batch_rows_;
  std::vector<float> frequencies_sliding_, frequencies_full_;
  std::unique_ptr<Scratch> scratch_;
  const Observer* observer_ = nullptr;
};

}  // namespace nibble::model
