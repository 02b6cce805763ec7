#include "model/gemma4.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "format/bf16.h"
#include "model/scratch.h"

namespace nibble::model {

using device::Array;
using device::AttentionRow;
using format::AttentionKind;
using format::LayerConfig;
using format::RopeConfig;
using format::TextConfig;

namespace {

// Computed in f32 as the reference does: at position 100,000 the last bit of a frequency is worth milliradians.
std::vector<float> rope_frequencies(const RopeConfig& rope, int head_dim) {
  const int half = head_dim / 2;
  const int n = rope.proportional ? int(rope.partial_rotary_factor * head_dim / 2) : half;
  std::vector<float> frequencies;
  for (int i = 0; i < n; ++i) {
    const float exponent = float(2 * i) / float(head_dim);
    frequencies.push_back(1.0f / std::pow(float(rope.theta), exponent));
  }
  return frequencies;
}

}  // namespace

// What the layers need to know of the rows they run.
struct Gemma4::Batch {
  int n = 0;
  std::vector<int> tokens, positions;
  std::vector<AttentionRow> sliding, full;
  std::vector<int> sliding_slots, full_slots;

  const std::vector<AttentionRow>& rows(AttentionKind kind) const {
    return kind == AttentionKind::kFull ? full : sliding;
  }
  const std::vector<int>& slots(AttentionKind kind) const {
    return kind == AttentionKind::kFull ? full_slots : sliding_slots;
  }
  void add(const Row& row, const KvCache& cache) {
    ++n;
    tokens.push_back(row.token);
    positions.push_back(row.position);
    sliding.push_back(cache.attention_row(AttentionKind::kSliding, row.sequence, row.position));
    full.push_back(cache.attention_row(AttentionKind::kFull, row.sequence, row.position));
    sliding_slots.push_back(sliding.back().slot(row.position));
    full_slots.push_back(full.back().slot(row.position));
  }
};

Gemma4::Gemma4(device::Device& device, const Weights& weights, int max_batch_rows)
    : device_(device),
      weights_(weights),
      max_batch_rows_(max_batch_rows),
      scratch_(std::make_unique<Scratch>(device, weights.config.text, max_batch_rows)) {
  for (const LayerConfig& layer : config().layers) {
    auto& frequencies = layer.kind == AttentionKind::kFull ? frequencies_full_ : frequencies_sliding_;
    if (!frequencies.empty()) continue;
    const RopeConfig& rope = layer.kind == AttentionKind::kFull ? config().rope_full : config().rope_sliding;
    frequencies = rope_frequencies(rope, layer.head_dim);
  }
}

Gemma4::~Gemma4() = default;

Array Gemma4::step(std::span<const Row> rows, KvCache& cache, const Observer* observer) {
  check(!rows.empty() && int(rows.size()) <= max_batch_rows_, "a step has between 1 and max_batch_rows rows");
  observer_ = observer;
  Batch batch, wanting;
  std::vector<int> wanted, largest;
  for (const Row& row : rows) {
    check(row.token >= 0 && row.token < config().n_vocab, "admission checks token ids");
    batch.add(row, cache);
    if (!row.wants_logits) continue;
    wanted.push_back(batch.n - 1);
    largest.push_back(row.largest);
    wanting.add(row, cache);
  }

  embed(batch);
  per_layer_inputs(batch, 0, weights_.n_own_layers, weights_.ple_lower);
  const int n_layers = int(weights_.layers.size());
  for (int index = 0; index < n_layers; ++index) {
    if (index == weights_.n_own_layers) {
      // From here no layer stores keys or values, so a row whose logits nobody wants has nothing left to do.
      if (wanted.empty()) break;
      if (wanting.n < batch.n) keep(wanted, batch, std::move(wanting));
      per_layer_inputs(batch, index, n_layers, weights_.ple_upper);
    }
    const Layer& layer = weights_.layers[std::size_t(index)];
    attention(layer, index, batch, cache);
    feed_forward(layer, index, batch);
    if (config().d_ple > 0) per_layer_embedding(layer, index, batch);
    const Array x = scratch_->x->array().first_rows(batch.n);
    device_.scale(x, layer.scalar);
    observe("layer", index, x);
  }
  if (wanted.empty()) return {};
  if (int(wanted.size()) < batch.n) keep(wanted, batch, std::move(wanting));  // no layer shares KV
  return logits(largest);
}

void Gemma4::keep(const std::vector<int>& rows, Batch& batch, Batch&& kept) {
  const Array x = scratch_->x->array(), h = scratch_->h->array().first_rows(kept.n);
  device_.gather_rows(x, rows, h);
  std::vector<int> all(static_cast<std::size_t>(kept.n));
  for (int i = 0; i < kept.n; ++i) all[std::size_t(i)] = i;
  device_.gather_rows(h, all, x.first_rows(kept.n));
  batch = std::move(kept);
}

Array Gemma4::logits(std::span<const int> largest) {
  const int n = int(largest.size());
  const Array h = scratch_->h->array().first_rows(n);
  device_.rms_norm(scratch_->x->array().first_rows(n), weights_.final_norm->array(), config().d_model,
                   config().rms_norm_eps, h);
  observe("norm", -1, h);
  if (!scratch_->logits || scratch_->logits->array().rows < n) scratch_->logits = device_.allocate(n, config().n_vocab);
  const Array out = scratch_->logits->array().first_rows(n);
  if (observer_ != nullptr && observer_->linear_input) observer_->linear_input(weights_.head.modules, h);
  for (const Linear::Piece& piece : weights_.head.pieces)
    device_.logits(h, *piece.matrix, config().final_softcap, largest, out.columns(piece.first_row, piece.matrix->rows));
  return out;
}

void Gemma4::project(Array x, const Linear& linear, Array out) {
  if (observer_ != nullptr && observer_->linear_input) observer_->linear_input(linear.modules, x);
  for (const Linear::Piece& piece : linear.pieces)
    device_.matmul(x, *piece.matrix, out.columns(piece.first_row, piece.matrix->rows));
}

// A bf16 model multiplies its embeddings by a bf16 constant: 50.5 and not the square root of 2560.
float Gemma4::embedding_scale(int width) const {
  const float scale = float(std::sqrt(double(width)));
  return device_.activations() == device::Activations::kF32 ? scale : format::round_to_bf16(scale);
}

void Gemma4::read_rows(const RowTable& table, const std::vector<int>& tokens, Array out) {
  scratch_->host.resize(tokens.size() * std::size_t(table.cols()));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    table.read(tokens[i], scratch_->host.data() + i * std::size_t(table.cols()));
  device_.write(scratch_->host, out);
}

void Gemma4::embed(const Batch& batch) {
  const Array x = scratch_->x->array().first_rows(batch.n);
  read_rows(weights_.embedding, batch.tokens, x);
  device_.scale(x, embedding_scale(config().d_model));
  observe("embed", -1, x);
}

// Fills scratch.ple for layers [begin, end): (norm(projection(embeddings) / sqrt(d_model)) + token row) / sqrt(2).
void Gemma4::per_layer_inputs(const Batch& batch, int begin, int end, const Linear& projection) {
  const int d_ple = config().d_ple;
  if (d_ple == 0 || begin == end) return;
  const Array token = scratch_->ple_token->array().first_rows(batch.n);
  read_rows(weights_.ple, batch.tokens, token);
  device_.scale(token, embedding_scale(d_ple));
  observe("ple_token", begin, token);

  // The embeddings are in x at the first layer; later they are looked up again.
  Array embeddings = scratch_->x->array().first_rows(batch.n);
  if (begin > 0) {
    embeddings = scratch_->h->array().first_rows(batch.n);
    read_rows(weights_.embedding, batch.tokens, embeddings);
    device_.scale(embeddings, embedding_scale(config().d_model));
  }
  const Array ple = scratch_->ple->array().first_rows(batch.n).columns(begin * d_ple, (end - begin) * d_ple);
  project(embeddings, projection, ple);
  device_.scale(ple, 1.0f / std::sqrt(float(config().d_model)));
  device_.rms_norm(ple, weights_.ple_projection_norm->array(), d_ple, config().rms_norm_eps, ple);
  device_.add(token.columns(begin * d_ple, (end - begin) * d_ple), ple);
  device_.scale(ple, float(1 / std::sqrt(2.0)));
  observe("ple", begin, ple);
}

void Gemma4::attention(const Layer& layer, int index, const Batch& batch, KvCache& cache) {
  const LayerConfig& shape = layer.config;
  const float eps = config().rms_norm_eps;
  const int head_dim = shape.head_dim, q_width = config().n_heads * head_dim, kv_width = shape.n_kv_heads * head_dim;
  const auto& frequencies = shape.kind == AttentionKind::kFull ? frequencies_full_ : frequencies_sliding_;
  const Array x = scratch_->x->array().first_rows(batch.n), h = scratch_->h->array().first_rows(batch.n);
  const Array qkv = scratch_->qkv->array().first_rows(batch.n);

  device_.rms_norm(x, layer.attention_norm->array(), config().d_model, eps, h);
  observe("input_layernorm", index, h);
  project(h, layer.qkv, qkv);

  const Array q = qkv.columns(0, q_width);
  device_.rms_norm(q, layer.q_norm->array(), head_dim, eps, q);
  observe("self_attn.q_norm", index, q);
  device_.rope(q, head_dim, batch.positions, frequencies);
  if (shape.kv_source == index) {
    const Array k = qkv.columns(q_width, kv_width), v = qkv.columns(q_width + kv_width, kv_width);
    device_.rms_norm(shape.k_is_v ? k : v, {}, head_dim, eps, v);
    observe("self_attn.v_norm", index, v);
    device_.rms_norm(k, layer.k_norm->array(), head_dim, eps, k);
    observe("self_attn.k_norm", index, k);
    device_.rope(k, head_dim, batch.positions, frequencies);
    device_.store_kv(k, v, batch.slots(shape.kind), cache.layer(index));
  }
  const Array heads = scratch_->heads->array().first_rows(batch.n).columns(0, q_width);
  device_.attention(q, cache.layer(shape.kv_source), batch.rows(shape.kind), heads);
  project(heads, layer.o, h);
  observe("self_attn.o_proj", index, h);
  device_.add_rms_norm(h, layer.attention_post_norm->array(), eps, x);
}

void Gemma4::feed_forward(const Layer& layer, int index, const Batch& batch) {
  const float eps = config().rms_norm_eps;
  const int d_ff = layer.config.d_ff;
  const Array x = scratch_->x->array().first_rows(batch.n), h = scratch_->h->array().first_rows(batch.n);
  const Array gate_up = scratch_->gate_up->array().first_rows(batch.n);
  const Array ff = scratch_->ff->array().first_rows(batch.n).columns(0, d_ff);

  device_.rms_norm(x, layer.ffn_norm->array(), config().d_model, eps, h);
  project(h, layer.gate_up, gate_up);
  device_.gelu_multiply(gate_up.columns(0, d_ff), gate_up.columns(d_ff, d_ff), ff);
  project(ff, layer.down, h);
  observe("mlp", index, h);
  if (layer.moe) {
    const Array h2 = scratch_->h2->array().first_rows(batch.n);
    device_.rms_norm(h, layer.moe->post_dense_norm->array(), config().d_model, eps, h);
    mixture(*layer.moe, index, x, h2);
    device_.rms_norm(h2, layer.moe->post_norm->array(), config().d_model, eps, h2);
    device_.add(h2, h);
  }
  if (observer_ != nullptr && observer_->activation) {
    const Array h2 = scratch_->h2->array().first_rows(batch.n);
    device_.rms_norm(h, layer.ffn_post_norm->array(), config().d_model, eps, h2);
    observe("post_feedforward_layernorm", index, h2);
  }
  device_.add_rms_norm(h, layer.ffn_post_norm->array(), eps, x);
}

void Gemma4::per_layer_embedding(const Layer& layer, int index, const Batch& batch) {
  const int d_ple = config().d_ple;
  const Array x = scratch_->x->array().first_rows(batch.n), h = scratch_->h->array().first_rows(batch.n);
  const Array gate = scratch_->ple_gate->array().first_rows(batch.n);
  project(x, layer.ple_gate, gate);
  observe("per_layer_input_gate", index, gate);
  device_.gelu_multiply(gate, scratch_->ple->array().first_rows(batch.n).columns(index * d_ple, d_ple), gate);
  project(gate, layer.ple_projection, h);
  observe("per_layer_projection", index, h);
  device_.add_rms_norm(h, layer.ple_norm->array(), config().rms_norm_eps, x);
}

void Gemma4::observe(std::string_view name, int layer, Array value) {
  if (observer_ != nullptr && observer_->activation) observer_->activation(name, layer, value);
}

}  // namespace nibble::model
