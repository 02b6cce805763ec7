#include "format/quantization_config.h"

#include "base/error.h"
#include "format/module_pattern.h"

namespace nibble::format {
namespace {

[[noreturn]] void unknown(const JsonFields& fields, std::string_view key, const std::string& found,
                          std::string_view known) {
  throw Error("{}: \"{}\": expected {}, found {}", fields.source(), key, known, found);
}

void expect(const JsonFields& fields, std::string_view key, std::string_view expected) {
  const std::string found = fields.string(key, expected);
  if (found != expected) unknown(fields, key, "'" + found + "'", expected);
}

// What the product's input is rounded to: null, or for each weight format the one kind that is known.
void parse_inputs(const JsonFields& inputs, QuantizationGroup& group) {
  const std::string type = inputs.string("type", "int");
  const int bits = int(inputs.integer("num_bits", {1, 16}, 8));
  const int group_size = int(inputs.integer("group_size", {-1, 65536}, 0));
  const bool nvfp4 = group.weights == WeightFormat::kNVFP4 && type == "float" && bits == 4 && group_size == 16;
  const bool fp8 = group.weights == WeightFormat::kFP8 && type == "float" && bits == 8 && group_size <= 0;
  if (!nvfp4 && !fp8)
    throw Error(
        "{}: {}-bit {} inputs in groups of {} are not known beside these weights (known: float 4 in 16 with NVFP4, "
        "float 8 with FP8)",
        inputs.source(), bits, type, group_size);
  if (fp8 && !inputs.boolean("dynamic", false)) unknown(inputs, "dynamic", "false", "true");
  if (fp8) expect(inputs, "strategy", "token");
  group.quantized_inputs = true;
  group.static_input_scale = nvfp4;
}

QuantizationGroup parse_group(const JsonFields& group) {
  QuantizationGroup result;
  result.targets = group.strings("targets");
  const auto weights = group.object("weights");
  if (!weights) throw Error("{}: \"weights\" is missing", group.source());
  const std::string type = weights->string("type", "int");
  const int bits = int(weights->integer("num_bits", {1, 16}, 8));
  result.group_size = int(weights->integer("group_size", {-1, 65536}, 0));
  const std::string strategy = weights->string("strategy", "");
  if (type == "float" && bits == 4 && result.group_size == 16) {
    result.weights = WeightFormat::kNVFP4;
  } else if (type == "float" && bits == 8 && result.group_size <= 0 && strategy != "block") {
    result.weights = WeightFormat::kFP8;
  } else if (type == "int" && bits == 4 && result.group_size > 0) {
    result.weights = WeightFormat::kInt4;
  } else {
    throw Error("{}: {}-bit {} weights in groups of {} are not known (known: float 4 in 16, float 8, int 4)",
                weights->source(), bits, type, result.group_size);
  }
  if (!weights->boolean("symmetric", true)) throw Error("{}: only symmetric weights are known", weights->source());
  // Columns in another order come with a tensor that says which; "weight" and "static" leave them in place.
  const json::value* order = weights->find("actorder");
  if (order != nullptr && *order != "weight" && *order != "static")
    unknown(*weights, "actorder", json::serialize(*order), "null, weight or static");
  if (const auto inputs = group.object("input_activations")) parse_inputs(*inputs, result);
  if (group.has("output_activations")) unknown(group, "output_activations", "a value", "null");
  return result;
}

// Parts of a configuration that change what the stored numbers mean.
void refuse_transformations(const JsonFields& root) {
  const auto transform = root.object("transform_config");
  const auto groups = transform ? transform->object("config_groups") : std::nullopt;
  if (groups && !groups->raw().empty()) unknown(root, "transform_config", "transformations", "none");
  if (const auto sparsity = root.object("sparsity_config")) expect(*sparsity, "format", "dense");
  expect(root, "quantization_status", "compressed");
}

}  // namespace

bool matches_any(std::string_view module, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern == module || pattern == "Linear") return true;
    if (pattern.starts_with("re:") && matches_beginning(std::string_view(pattern).substr(3), module)) return true;
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
  refuse_transformations(root);
  QuantizationConfig config;
  config.ignore = root.strings("ignore");
  const auto groups = root.object("config_groups");
  if (!groups) throw Error("{}: \"config_groups\" is missing", source);
  for (const auto& [name, group] : groups->raw())
    config.groups.push_back(parse_group(JsonFields(group, groups->source() + ": " + std::string(name))));
  return config;
}

}  // namespace nibble::format
