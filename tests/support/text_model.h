// A text model ready to run in a test: device, weights, forward and cache of one checkpoint.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "model/gemma4.h"

namespace nibble::testing {

struct TextModel {
  TextModel(const std::string& directory, bool reference, int max_rows)
      : device(device::make_cpu_device({.n_threads = 2, .reference = reference})),
        weights(model::load_weights(directory, *device)),
        gemma(*device, weights, max_rows),
        cache(*device, weights.config.text, {.max_sequences = 2, .max_positions = 512, .max_batch_rows = max_rows}) {}

  // Logits of every position, prefilled in chunks of max_rows.
  std::vector<float> logits(const std::vector<int>& ids, const model::Observer* observer = nullptr) {
    const int sequence = cache.open();
    check(cache.reserve(sequence, int(ids.size())), "the test model's cache holds the prompt");
    std::vector<float> all;
    for (std::size_t begin = 0; begin < ids.size();) {
      std::vector<model::Row> rows;
      for (; begin < ids.size() && int(rows.size()) < gemma.max_batch_rows(); ++begin)
        rows.push_back({ids[begin], sequence, int(begin), true});
      append(all, gemma.step(rows, cache, observer));
    }
    cache.close(sequence);
    return all;
  }

  void append(std::vector<float>& all, device::Array logits) {
    const std::size_t old = all.size();
    all.resize(old + std::size_t(logits.rows) * std::size_t(logits.cols));
    device->read(logits, std::span(all).subspan(old));
  }

  std::unique_ptr<device::Device> device;
  model::Weights weights;
  model::Gemma4 gemma;
  model::KvCache cache;
};

}  // namespace nibble::testing
