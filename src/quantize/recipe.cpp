#include "quantize/recipe.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/error.h"

namespace nibble::quantize {
namespace {

constexpr int kMaxDepth = 8;
constexpr const char* kModifier = "QuantizationModifier";

// The modifier's own map: {targets, scheme, ignore}.
std::optional<YAML::Node> find_modifier(const YAML::Node& node, const std::string& source, int depth) {
  if (depth > kMaxDepth || !node.IsMap()) return std::nullopt;
  if (node[kModifier]) return node[kModifier];
  if (depth == 0 && node["scheme"]) return node;
  for (const auto& child : node) {
    const std::string name = child.first.IsScalar() ? child.first.Scalar() : "";
    if (name.ends_with("Modifier")) throw Error("{}: {} is not supported, only {} is", source, name, kModifier);
    const auto found = find_modifier(child.second, source, depth + 1);
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

// A module's name stands as it is; what YAML could read otherwise (a pattern, a number, null) is quoted.
std::string quoted(const std::string& text) {
  const auto plain = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; };
  if (text.find_first_of("_.") != std::string::npos && plain(text.front()) && text.front() != '.' &&
      std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || (c >= '0' && c <= '9'); }))
    return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

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
    const auto modifier = find_modifier(YAML::Load(yaml), source, 0);
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
