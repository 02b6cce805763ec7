#include "model/calibrate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/gemma4.h"

namespace nibble::model {
namespace {

constexpr int kChunkRows = 128;

}  // namespace

std::map<std::string, float> input_ranges(const std::string& directory, std::span<const std::vector<int>> samples,
                                          device::Device& device, int max_tokens,
                                          const std::function<void(std::size_t)>& progress) {
  const Weights weights = load_weights(directory, device);
  const format::TextConfig& config = weights.config.text;
  for (std::size_t s = 0; s < samples.size(); ++s)
    for (const int id : samples[s])
      if (id < 0 || id >= config.n_vocab)
        throw Error("calibration sample {}: token id {} is outside the vocabulary of {}", s + 1, id, config.n_vocab);

  std::map<std::string, float> ranges;
  std::vector<float> host;
  Observer observer;
  observer.linear_input = [&](const std::vector<std::string>& modules, device::Array input) {
    host.resize(std::size_t(input.rows) * std::size_t(input.cols));
    device.read(input, host);
    float largest = 0;
    for (const float v : host) largest = std::max(largest, std::abs(v));
    for (const std::string& module : modules) ranges[module] = std::max(ranges[module], largest);
  };

  Gemma4 model(device, weights, kChunkRows);
  KvCache cache(device, config, {.max_sequences = 1, .max_positions = max_tokens, .max_batch_rows = kChunkRows});
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const int n = std::min(int(samples[s].size()), max_tokens);
    const int sequence = cache.open();
    if (n == 0 || !cache.reserve(sequence, n)) throw Error("calibration sample {} is empty", s + 1);
    for (int begin = 0; begin < n;) {
      std::vector<Row> rows;  // every row wants logits: all layers see all tokens
      for (; begin < n && int(rows.size()) < kChunkRows; ++begin)
        rows.push_back({samples[s][std::size_t(begin)], sequence, begin, true});
      model.step(rows, cache, &observer);
    }
    cache.close(sequence);
    if (progress) progress(s + 1);
  }
  return ranges;
}

}  // namespace nibble::model
