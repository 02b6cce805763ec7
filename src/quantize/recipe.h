// What to quantize and how: a scheme, the modules it targets and those it leaves alone. The defaults are the model card's
// recipe; a YAML file in llm-compressor's form replaces them.
#pragma once

#include <string>
#include <vector>

namespace nibble::quantize {

enum class Scheme { kNVFP4A16, kNVFP4, kFP8Dynamic };

Scheme scheme_from_name(const std::string& name);  // "NVFP4A16", "NVFP4", "FP8_DYNAMIC"; UsageError for another
std::string name_of(Scheme scheme);

struct Recipe {
  Scheme scheme = Scheme::kNVFP4A16;
  std::vector<std::string> targets = {"Linear"};
  std::vector<std::string> ignore = {"lm_head", "re:.*vision_tower.*", "re:.*audio_tower.*", "re:.*embed_vision.*",
                                     "re:.*embed_audio.*"};
};

// Reads one QuantizationModifier, wherever the file nests it (stages, modifiers, or bare).
Recipe parse_recipe(const std::string& yaml, const std::string& source);
std::string recipe_text(const Recipe& recipe);  // as llm-compressor writes recipe.yaml

}  // namespace nibble::quantize
