// Any text as config.json: an Error, or sizes that a loader may multiply and divide by.
#include <cstdlib>

#include "base/error.h"
#include "format/gemma4_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const json::value value = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
    const format::Gemma4Config config = format::parse_gemma4_config(value, "fuzz");
    const format::TextConfig& text = config.text;
    const auto within = [](int n, int least, int most) {
      if (n < least || n > most) std::abort();
    };
    within(int(text.layers.size()), 1, 256);
    within(text.d_model, 1, 65536);
    within(text.n_experts_used, 0, text.n_experts);
    if (!(text.rms_norm_eps > 0)) std::abort();
    for (const format::LayerConfig& layer : text.layers) {
      within(layer.head_dim, 2, 65536);
      within(layer.n_kv_heads, 1, text.n_heads);
      within(layer.d_ff, 1, 2 * 65536);
      within(layer.kv_source, 0, int(&layer - text.layers.data()));
      if (text.layers[std::size_t(layer.kv_source)].head_dim != layer.head_dim) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
