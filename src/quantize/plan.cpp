#include "quantize/plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/error.h"
#include "format/nvfp4.h"

namespace nibble::quantize {
namespace {

using format::Checkpoint;
using format::DType;
using format::matches_any;
using format::TensorInfo;

constexpr std::string_view kWeight = ".weight", kRouter = ".router", kRouterWeight = ".router.proj.weight";

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

// The tensors of KV-shared layers that the release carries and the model never reads.
std::set<std::string> unread_tensors(const format::Gemma4Config& config) {
  std::set<std::string> names;
  for (int i = 0; i < int(config.text.layers.size()); ++i) {
    if (config.text.layers[std::size_t(i)].kv_source == i) continue;
    for (const char* prefix : {"model.language_model.layers.", "model.layers."})
      for (const char* tensor : {"k_proj", "v_proj", "k_norm", "v_norm"})
        names.insert(fmt::format("{}{}.self_attn.{}.weight", prefix, i, tensor));
  }
  return names;
}

// The linears that a tensor holds: none, one, or one for each expert.
std::vector<Module> modules_of(const Checkpoint::Entry& entry) {
  const TensorInfo& tensor = *entry.info;
  const std::string& name = tensor.name;
  if (name.ends_with(kWeight) && tensor.shape.size() == 2 &&
      !ends_with_any(name, {"embed_tokens.weight", "embed_tokens_per_layer.weight"})) {
    return {{name.substr(0, name.size() - kWeight.size()), entry, 0, tensor.shape[0], tensor.shape[1]}};
  }
  const bool gate_up = name.ends_with(".experts.gate_up_proj"), down = name.ends_with(".experts.down_proj");
  if (tensor.shape.size() != 3 || !(gate_up || down)) return {};
  std::vector<Module> modules;
  const std::string experts = name.substr(0, name.rfind('.') + 1);
  const std::int64_t rows = tensor.shape[1], cols = tensor.shape[2];
  for (std::int64_t e = 0; e < tensor.shape[0]; ++e) {
    const std::string expert = experts + std::to_string(e) + ".";
    if (down) {
      modules.push_back({expert + "down_proj", entry, e * rows, rows, cols});
    } else {
      modules.push_back({expert + "gate_proj", entry, e * rows, rows / 2, cols});
      modules.push_back({expert + "up_proj", entry, e * rows + rows / 2, rows / 2, cols});
    }
  }
  return modules;
}

// Modules with one key share a global scale.
std::string group_key(const std::string& module) {
  const std::size_t dot = module.rfind('.');
  const std::string parent = module.substr(0, dot), leaf = module.substr(dot + 1);
  if (leaf == "q_proj" || leaf == "k_proj" || leaf == "v_proj") return parent + ".qkv";
  if (leaf == "gate_proj" || leaf == "up_proj") return parent + ".gate_up";
  return module;
}

void check_quantizable(const Checkpoint& checkpoint, const Module& module, Scheme scheme) {
  const TensorInfo& tensor = *module.source.info;
  if (tensor.dtype != DType::kBF16)
    throw Error("{}: tensor '{}': expected BF16, found {} (convert the checkpoint to BF16 first)",
                checkpoint.directory(), tensor.name, format::name_of(tensor.dtype));
  if (scheme != Scheme::kFP8Dynamic && module.cols % format::kNvfp4Block != 0)
    throw Error("{}: '{}': shape {}: NVFP4 needs a multiple of 16 columns (--ignore {} leaves it in BF16)",
                checkpoint.directory(), module.name, format::shape_text(tensor.shape), module.name);
  if (module.rows == 0 || module.cols == 0)
    throw Error("{}: tensor '{}': shape {} is empty", checkpoint.directory(), tensor.name,
                format::shape_text(tensor.shape));
}

void add_outputs(const Module& module, Scheme scheme, std::vector<TensorInfo>& outputs) {
  const auto add = [&](const char* suffix, DType dtype, std::vector<std::int64_t> shape) {
    outputs.push_back({.name = module.name + suffix, .dtype = dtype, .shape = std::move(shape)});
  };
  if (scheme == Scheme::kFP8Dynamic) {
    add(".weight", DType::kF8E4M3, {module.rows, module.cols});
    add(".weight_scale", DType::kBF16, {module.rows, 1});
    return;
  }
  add(".weight_packed", DType::kU8, {module.rows, module.cols / 2});
  add(".weight_scale", DType::kF8E4M3, {module.rows, module.cols / format::kNvfp4Block});
  add(".weight_global_scale", DType::kF32, {1});
  if (scheme == Scheme::kNVFP4) add(".input_global_scale", DType::kF32, {1});
}

json::object arguments(Scheme scheme, bool input) {
  json::object object;
  const bool fp8 = scheme == Scheme::kFP8Dynamic;
  object["num_bits"] = fp8 ? 8 : 4;
  object["type"] = "float";
  object["symmetric"] = true;
  object["group_size"] = fp8 ? json::value(nullptr) : json::value(format::kNvfp4Block);
  if (!fp8) object["scale_dtype"] = "torch.float8_e4m3fn";
  if (input) {
    object["dynamic"] = fp8 ? json::value(true) : json::value("local");
    object["strategy"] = fp8 ? "token" : "tensor_group";
    if (!fp8) object["observer"] = "static_minmax";
  } else {
    object["dynamic"] = false;
    object["strategy"] = fp8 ? "channel" : "tensor_group";
    object["observer"] = "memoryless_minmax";
  }
  return object;
}

}  // namespace

Plan make_plan(const Checkpoint& checkpoint, const format::Gemma4Config& config, const Recipe& recipe) {
  if (config.quantization) throw Error("{}: is already quantized", checkpoint.directory());
  Plan plan;
  plan.recipe = recipe;
  const std::set<std::string> unread = unread_tensors(config);
  std::map<std::string, FusedGroup> groups;
  for (const auto& [name, entry] : checkpoint.entries()) {
    // compressed-tensors takes a router, whose class vLLM calls a linear one, for an unquantized linear.
    if (name.ends_with(kRouterWeight))
      plan.ignored_modules.push_back(name.substr(0, name.size() - (kRouterWeight.size() - kRouter.size())));
    if (unread.contains(name)) {
      plan.dropped.push_back(name);
      continue;
    }
    std::vector<Module> quantized;
    for (Module& module : modules_of(entry)) {
      if (matches_any(module.name, recipe.ignore)) {
        plan.ignored_modules.push_back(module.name);
      } else if (matches_any(module.name, recipe.targets)) {
        quantized.push_back(std::move(module));
      }
    }
    if (quantized.empty()) {
      plan.copies.push_back(entry);
      continue;
    }
    if (quantized.size() != modules_of(entry).size())
      throw Error("{}: tensor '{}': the recipe quantizes some of its experts and not others", checkpoint.directory(),
                  name);
    for (Module& module : quantized) {
      check_quantizable(checkpoint, module, recipe.scheme);
      groups[group_key(module.name)].modules.push_back(std::move(module));
    }
  }
  if (config.text.tied_head) {
    if (!matches_any("lm_head", recipe.ignore))
      throw Error("{}: the head is the embedding table (tied) and cannot be quantized alone: ignore lm_head",
                  checkpoint.directory());
    plan.ignored_modules.push_back("lm_head");
  }
  if (groups.empty()) throw Error("{}: the recipe leaves nothing to quantize", checkpoint.directory());
  for (auto& [key, group] : groups) {
    for (const Module& module : group.modules) add_outputs(module, recipe.scheme, plan.outputs);
    plan.groups.push_back(std::move(group));
  }
  for (const Checkpoint::Entry& entry : plan.copies)
    plan.outputs.push_back({.name = entry.info->name, .dtype = entry.info->dtype, .shape = entry.info->shape});
  return plan;
}

json::value quantized_config(const format::Gemma4Config& config, const Plan& plan) {
  const Scheme scheme = plan.recipe.scheme;
  const char* format = scheme == Scheme::kFP8Dynamic ? "float-quantized" : "nvfp4-pack-quantized";
  json::object group;
  group["format"] = format;
  group["input_activations"] =
      scheme == Scheme::kNVFP4A16 ? json::value(nullptr) : json::value(arguments(scheme, true));
  group["output_activations"] = nullptr;
  group["targets"] = json::array(plan.recipe.targets.begin(), plan.recipe.targets.end());
  group["weights"] = arguments(scheme, false);
  json::object quantization;
  quantization["config_groups"] = json::object{{"group_0", std::move(group)}};
  quantization["format"] = format;
  quantization["global_compression_ratio"] = nullptr;
  quantization["ignore"] = json::array(plan.ignored_modules.begin(), plan.ignored_modules.end());
  quantization["kv_cache_scheme"] = nullptr;
  quantization["moe_sparsity_config"] = nullptr;
  quantization["quant_method"] = "compressed-tensors";
  quantization["quantization_status"] = "compressed";
  quantization["sparsity_config"] = json::object();
  quantization["transform_config"] = json::object();
  quantization["version"] = "0.20.0";  // of the compressed-tensors layout written here
  json::value result = config.raw;
  result.as_object()["quantization_config"] = std::move(quantization);
  return result;
}

}  // namespace nibble::quantize
