#include "format/quantization_config.h"

#include <regex>

#include "base/error.h"

namespace nibble::format {
namespace {

QuantizationGroup parse_group(const JsonFields& group) {
  QuantizationGroup result;
  result.targets = group.strings("targets");
  const auto weights = group.object("weights");
  if (!weights) throw Error("{}: \"weights\" is missing", group.source());
  const std::string type = weights->string("type", "int");
  const int bits = int(weights->integer("num_bits", {1, 16}, 8));
  result.group_size = int(weights->integer("group_size", {-1, 65536}, 0));
  if (type == "float" && bits == 4 && result.group_size == 16) {
    result.weights = WeightFormat::kNVFP4;
  } else if (type == "float" && bits == 8) {
    result.weights = WeightFormat::kFP8;
  } else if (type == "int" && bits == 4 && result.group_size > 0) {
    result.weights = WeightFormat::kInt4;
  } else {
    throw Error("{}: {}-bit {} weights in groups of {} are not known (known: float 4 in 16, float 8, int 4)",
                weights->source(), bits, type, result.group_size);
  }
  if (!weights->boolean("symmetric", true)) throw Error("{}: only symmetric weights are known", weights->source());
  if (const auto inputs = group.object("input_activations")) {
    result.quantized_inputs = true;
    result.static_input_scale = result.weights == WeightFormat::kNVFP4;
  }
  return result;
}

}  // namespace

bool matches_any(std::string_view module, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern == module || pattern == "Linear") return true;
    if (!pattern.starts_with("re:")) continue;
    try {
      if (std::regex_search(module.begin(), module.end(), std::regex(pattern.substr(3)), std::regex_constants::match_continuous))
        return true;
    } catch (const std::regex_error&) {
      throw Error("'{}' is not a regular expression", pattern);
    }
  }
  return false;
}

const QuantizationGroup* QuantizationConfig::group_of(std::string_view module) const {
  if (matches_any(module, ignore)) return nullptr;
  for (const QuantizationGroup& group : groups)
    if (matches_any(module, group.targets)) return &group;
  return nullptr;
}

QuantizationConfig parse_quantization_config(const json::value& value, const std::string& source) {
  const JsonFields root(value, source);
  const std::string method = root.string("quant_method", "");
  if (method != "compressed-tensors")
    throw Error("{}: \"quant_method\": expected compressed-tensors, found '{}'", source, method);
  QuantizationConfig config;
  config.ignore = root.strings("ignore");
  const auto groups = root.object("config_groups");
  if (!groups) throw Error("{}: \"config_groups\" is missing", source);
  for (const auto& [name, group] : groups->raw())
    config.groups.push_back(parse_group(JsonFields(group, groups->source() + ": " + std::string(name))));
  return config;
}

}  // namespace nibble::format
