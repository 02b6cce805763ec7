// The activations a step keeps in device memory.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "model/gemma4.h"

namespace nibble::model {

// Activations of one step, [max_batch_rows, n] each.
struct Gemma4::Scratch {
  Scratch(device::Device& device, const format::TextConfig& config, int max_rows)
      : x(device.allocate(max_rows, config.d_model)),
        h(device.allocate(max_rows, config.d_model)),
        h2(device.allocate(max_rows, config.d_model)),
        qkv(device.allocate(max_rows, largest(config,
                                              [](const format::TextConfig& c, const format::LayerConfig& l) {
                                                return (c.n_heads + 2 * l.n_kv_heads) * l.head_dim;
                                              }))),
        heads(device.allocate(max_rows,
                              largest(config, [](const format::TextConfig& c,
                                                 const format::LayerConfig& l) { return c.n_heads * l.head_dim; }))),
        gate_up(device.allocate(max_rows, 2 * d_ff(config))),
        ff(device.allocate(max_rows, d_ff(config))),
        ple(device.allocate(max_rows, std::max(1, int(config.layers.size()) * config.d_ple))),
        ple_token(device.allocate(max_rows, std::max(1, int(config.layers.size()) * config.d_ple))),
        ple_gate(device.allocate(max_rows, std::max(1, config.d_ple))),
        router(device.allocate(max_rows, std::max(1, config.n_experts))),
        expert_in(device.allocate(max_rows, config.n_experts > 0 ? config.d_model : 1)),
        expert_rows(device.allocate(max_rows, config.n_experts > 0 ? config.d_model : 1)) {}

  static int d_ff(const format::TextConfig& config) {
    return std::max({largest(config, [](const format::TextConfig&, const format::LayerConfig& l) { return l.d_ff; }),
                     config.d_ff_expert});
  }

  template <typename Of>
  static int largest(const format::TextConfig& config, const Of& of) {
    int result = 1;
    for (const format::LayerConfig& layer : config.layers) result = std::max(result, of(config, layer));
    return result;
  }

  std::unique_ptr<device::Buffer> x, h, h2, qkv, heads, gate_up, ff, ple, ple_token, ple_gate, router, expert_in,
      expert_rows;
  std::unique_ptr<device::Buffer> logits;  // grown to the rows that want them
  std::vector<float> host;                 // staging
};

}  // namespace nibble::model
