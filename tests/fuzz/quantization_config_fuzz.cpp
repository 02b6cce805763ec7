// Any text as quantization_config, and its patterns against names of modules.
#include <cstdlib>

#include "base/error.h"
#include "format/quantization_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble;
  try {
    const json::value value = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
    const format::QuantizationConfig config = format::parse_quantization_config(value, "fuzz");
    for (const char* module : {"model.language_model.layers.0.mlp.gate_proj",
                               "model.vision_tower.encoder.layers.11.self_attn.q_proj", "lm_head"}) {
      const format::QuantizationGroup* group = config.group_of(module);
      if (group != nullptr && group->weights == format::WeightFormat::kInt4 && group->group_size <= 0) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
