#include "quantize/recipe.h"

#include <yaml-cpp/yaml.h>

#include <optional>
#include <regex>

#include "base/error.h"

namespace nibble::quantize {
namespace {

constexpr int kMaxDepth = 8;
constexpr const char* kModifier = "QuantizationModifier";

// The modifier's own map: {targets, scheme, ignore}.
std::optional<YAML::Node> find_modifier(const YAML::Node& node, int depth) {
  if (depth > kMaxDepth || !(node.IsMap() || node.IsSequence())) return std::nullopt;
  if (node.IsMap() && node[kModifier]) return node[kModifier];
  if (node.IsMap() && node["scheme"]) return node;
  for (const auto& child : node) {
    const auto found = find_modifier(node.IsMap() ? child.second : YAML::Node(child), depth + 1);
    if (found) return found;
  }
  return std::nullopt;
}

std::vector<std::string> strings(const YAML::Node& node, const std::string& source, const char* key) {
  std::vector<std::string> result;
  if (node.IsScalar()) return {node.as<std::string>()};
  if (!node.IsSequence()) throw Error("{}: \"{}\": expected a list of names", source, key);
  for (const auto& item : node) {
    if (!item.IsScalar()) throw Error("{}: \"{}\": expected a list of names", source, key);
    result.push_back(item.as<std::string>());
  }
  return result;
}

std::string quoted(const std::string& text) { return text.starts_with("re:") ? "'" + text + "'" : text; }

}  // namespace

Scheme scheme_from_name(const std::string& name) {
  for (const Scheme scheme : {Scheme::kNVFP4A16, Scheme::kNVFP4, Scheme::kFP8Dynamic})
    if (name_of(scheme) == name) return scheme;
  throw UsageError("scheme '{}': expected NVFP4A16, NVFP4 or FP8_DYNAMIC", name);
}

std::string name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::kNVFP4A16: return "NVFP4A16";
    case Scheme::kNVFP4: return "NVFP4";
    case Scheme::kFP8Dynamic: return "FP8_DYNAMIC";
  }
  return "?";
}

Recipe parse_recipe(const std::string& yaml, const std::string& source) {
  try {
    const auto modifier = find_modifier(YAML::Load(yaml), 0);
    if (!modifier || !modifier->IsMap()) throw Error("{}: no {} found", source, kModifier);
    Recipe recipe;
    const YAML::Node scheme = (*modifier)["scheme"];
    if (!scheme || !scheme.IsScalar()) throw Error("{}: \"scheme\": expected NVFP4A16, NVFP4 or FP8_DYNAMIC", source);
    recipe.scheme = scheme_from_name(scheme.as<std::string>());
    if (const YAML::Node targets = (*modifier)["targets"]) recipe.targets = strings(targets, source, "targets");
    recipe.ignore.clear();
    if (const YAML::Node ignore = (*modifier)["ignore"]) recipe.ignore = strings(ignore, source, "ignore");
    return recipe;
  } catch (const YAML::Exception& error) {
    throw Error("{}: line {}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
}

std::string recipe_text(const Recipe& recipe) {
  const auto list = [](const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "" : ", ") + quoted(item);
    return "[" + text + "]";
  };
  return fmt::format(
      "default_stage:\n  default_modifiers:\n    QuantizationModifier:\n      targets: {}\n      ignore: {}\n"
      "      scheme: {}\n      bypass_divisibility_checks: false\n      requires_calibration_data: {}\n",
      list(recipe.targets), list(recipe.ignore), name_of(recipe.scheme), recipe.scheme == Scheme::kNVFP4);
}

}  // namespace nibble::quantize
