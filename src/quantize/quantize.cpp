#include "quantize/quantize.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/output_directory.h"
#include "base/progress.h"
#include "base/threads.h"
#include "device/cpu/cpu_device.h"
#include "format/bf16.h"
#include "format/fp8.h"
#include "format/nvfp4.h"
#include "format/tensor_stream.h"
#include "model/calibrate.h"
#include "quantize/plan.h"

namespace nibble::quantize {
namespace {

namespace fs = std::filesystem;

// Read, worked on and written at once by a thread: small enough to stay in its cache.
constexpr std::uint64_t kChunkBytes = 512u << 10;
constexpr std::uint64_t kCopyPieceBytes = 32u << 20;  // one unit of work
constexpr int kCalibrationTokens = 2048;              // of one sample
constexpr std::uint16_t kInfinity = 0x7f80;

// Files that make a directory usable besides its weights.
constexpr const char* kCompanions[] = {"tokenizer.json",
                                       "tokenizer_config.json",
                                       "tokenizer.model",
                                       "special_tokens_map.json",
                                       "added_tokens.json",
                                       "chat_template.jinja",
                                       "chat_template.json",
                                       "generation_config.json",
                                       "preprocessor_config.json",
                                       "processor_config.json",
                                       "video_preprocessor_config.json"};

// What one thread works in.
struct Scratch {
  std::vector<std::uint16_t> values;
  format::TensorStream::Buffer codes, scales;
};

class Job {
 public:
  Job(const Options& options, const format::Checkpoint& checkpoint, const Plan& plan,
      const std::map<std::string, float>& input_ranges, format::SafetensorsWriter& writer, Progress& progress)
      : options_(options),
        checkpoint_(checkpoint),
        plan_(plan),
        input_ranges_(input_ranges),
        writer_(writer),
        progress_(progress),
        kernels_(select_kernels()) {}

  // Every group and every piece of a copied tensor is one unit of work, taken in turn by the threads.
  void run(ThreadTeam& team) {
    struct Unit {
      const FusedGroup* group = nullptr;
      const format::Checkpoint::Entry* copy = nullptr;
      std::uint64_t begin = 0;
    };
    std::vector<Unit> units;
    for (const FusedGroup& group : plan_.groups) units.push_back({.group = &group});
    for (const format::Checkpoint::Entry& entry : plan_.copies)
      for (std::uint64_t begin = 0; begin < entry.info->size_bytes; begin += kCopyPieceBytes)
        units.push_back({.copy = &entry, .begin = begin});
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    team.run([&](int) {
      try {
        Scratch scratch;
        for (std::size_t i = next++; i < units.size(); i = next++) {
          stop_if_asked();
          if (units[i].group != nullptr) {
            quantize_group(*units[i].group, scratch);
          } else {
            copy_piece(*units[i].copy, units[i].begin, scratch);
          }
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = units.size();
      }
    });
    if (failure) std::rethrow_exception(failure);
    std::sort(errors_.begin(), errors_.end(),
              [](const ModuleError& a, const ModuleError& b) { return a.relative_rms > b.relative_rms; });
  }

  const std::vector<ModuleError>& errors() const { return errors_; }
  const char* kernels() const { return kernels_.name; }

 private:
  void stop_if_asked() const {
    if (options_.stop != nullptr && *options_.stop) throw Interrupted();
  }

  void copy_piece(const format::Checkpoint::Entry& entry, std::uint64_t begin, Scratch& scratch) {
    format::TensorStream to(writer_, writer_.at(entry.info->name), begin, scratch.codes);
    const std::uint64_t end = begin + std::min(kCopyPieceBytes, entry.info->size_bytes - begin);
    while (begin < end) {
      const std::span<std::byte> bytes = to.append(std::min(kChunkBytes, end - begin));
      entry.read(begin, bytes);
      progress_.add(bytes.size());
      begin += bytes.size();
    }
    to.finish();
  }

  // Calls visit(first row, rows, their bf16 values) for pieces of about kChunkBytes.
  void for_chunks(const Module& module, std::vector<std::uint16_t>& values,
                  const std::function<void(std::int64_t, std::int64_t, const std::uint16_t*)>& visit) const {
    const std::int64_t row_bytes = module.cols * 2;
    const std::int64_t rows = std::max<std::int64_t>(1, std::int64_t(kChunkBytes) / row_bytes);
    values.resize(std::size_t(std::min(rows, module.rows) * module.cols));
    for (std::int64_t first = 0; first < module.rows; first += rows) {
      stop_if_asked();
      const std::int64_t n = std::min(rows, module.rows - first);
      const std::span<std::uint16_t> part(values.data(), std::size_t(n * module.cols));
      module.source.read(std::uint64_t((module.first_row + first) * row_bytes), std::as_writable_bytes(part));
      visit(first, n, values.data());
    }
  }

  // Names the first value that is no finite number.
  [[noreturn]] void fail_not_finite(const Module& module, std::int64_t row, const std::uint16_t* values,
                                    std::int64_t n_values) const {
    for (std::int64_t i = 0; i < n_values; ++i) {
      if ((values[i] & 0x7fff) < kInfinity) continue;
      throw Error("{}: tensor '{}': the value at row {}, column {} is {} (the checkpoint is damaged)",
                  checkpoint_.directory(), module.source.info->name, module.first_row + row + i / module.cols,
                  i % module.cols, (values[i] & 0x7fff) == kInfinity ? "infinite" : "not a number");
    }
    throw Error("{}: tensor '{}' changed while it was read", checkpoint_.directory(), module.source.info->name);
  }

  float largest_magnitude(const Module& module, Scratch& scratch) const {
    std::uint16_t largest = 0;
    for_chunks(module, scratch.values, [&](std::int64_t row, std::int64_t n, const std::uint16_t* values) {
      const std::uint16_t found = kernels_.largest_magnitude(values, std::size_t(n * module.cols));
      if (found >= kInfinity) fail_not_finite(module, row, values, n * module.cols);
      largest = std::max(largest, found);
    });
    return format::bf16_to_f32(largest);
  }

  void quantize_group(const FusedGroup& group, Scratch& scratch) {
    float global_scale = INFINITY;
    if (plan_.recipe.scheme != Scheme::kFP8Dynamic)
      for (const Module& module : group.modules)
        global_scale = std::min(global_scale, format::nvfp4_global_scale(largest_magnitude(module, scratch)));
    for (const Module& module : group.modules) {
      ErrorSums sums;
      if (plan_.recipe.scheme == Scheme::kFP8Dynamic) {
        write_fp8(module, scratch, sums);
      } else {
        write_nvfp4(module, global_scale, scratch, sums);
      }
      progress_.add(std::uint64_t(module.rows * module.cols) * 2);
      const std::lock_guard lock(mutex_);
      errors_.push_back({module.name, sums.weight > 0 ? std::sqrt(sums.error / sums.weight) : 0.0});
    }
  }

  void write_scalar(const std::string& name, float value) {
    writer_.write(writer_.at(name), 0, std::as_bytes(std::span(&value, 1)));
  }

  void write_nvfp4(const Module& module, float global_scale, Scratch& scratch, ErrorSums& sums) {
    write_scalar(module.name + ".weight_global_scale", global_scale);
    if (plan_.recipe.scheme == Scheme::kNVFP4) {
      const auto range = input_ranges_.find(module.name);
      // A module that no sample reached (an expert) has no range: the scale then is 1, as for an empty one.
      write_scalar(module.name + ".input_global_scale",
                   range == input_ranges_.end() || range->second == 0
                       ? 1.0f
                       : format::nvfp4_global_scale(format::round_to_bf16(range->second)));
    }
    format::TensorStream code_stream(writer_, writer_.at(module.name + ".weight_packed"), 0, scratch.codes);
    format::TensorStream scale_stream(writer_, writer_.at(module.name + ".weight_scale"), 0, scratch.scales);
    const std::int64_t code_bytes = module.cols / 2, scale_bytes = module.cols / format::kNvfp4Block;
    for_chunks(module, scratch.values, [&](std::int64_t, std::int64_t n, const std::uint16_t* values) {
      auto* codes = reinterpret_cast<std::uint8_t*>(code_stream.append(std::size_t(n * code_bytes)).data());
      auto* scales = reinterpret_cast<std::uint8_t*>(scale_stream.append(std::size_t(n * scale_bytes)).data());
      for (std::int64_t r = 0; r < n; ++r)
        kernels_.nvfp4_row({.weights = values + r * module.cols,
                            .cols = int(module.cols),
                            .global_scale = global_scale,
                            .codes = codes + r * code_bytes,
                            .scales = scales + r * scale_bytes},
                           sums);
    });
    code_stream.finish();
    scale_stream.finish();
  }

  void write_fp8(const Module& module, Scratch& scratch, ErrorSums& sums) {
    format::TensorStream code_stream(writer_, writer_.at(module.name + ".weight"), 0, scratch.codes);
    format::TensorStream scale_stream(writer_, writer_.at(module.name + ".weight_scale"), 0, scratch.scales);
    for_chunks(module, scratch.values, [&](std::int64_t first, std::int64_t n, const std::uint16_t* values) {
      auto* codes = reinterpret_cast<std::uint8_t*>(code_stream.append(std::size_t(n * module.cols)).data());
      std::byte* scales = scale_stream.append(std::size_t(n) * sizeof(std::uint16_t)).data();
      for (std::int64_t r = 0; r < n; ++r) {
        const std::uint16_t* row = values + r * module.cols;
        const std::uint16_t largest = kernels_.largest_magnitude(row, std::size_t(module.cols));
        if (largest >= kInfinity) fail_not_finite(module, first + r, row, module.cols);
        const std::uint16_t scale = format::fp8_scale(format::bf16_to_f32(largest));
        std::memcpy(scales + r * std::int64_t(sizeof scale), &scale, sizeof scale);
        kernels_.fp8_row(row, int(module.cols), scale, codes + r * module.cols, sums);
      }
    });
    code_stream.finish();
    scale_stream.finish();
  }

  const Options& options_;
  const format::Checkpoint& checkpoint_;
  const Plan& plan_;
  const std::map<std::string, float>& input_ranges_;
  format::SafetensorsWriter& writer_;
  Progress& progress_;
  const Kernels& kernels_;
  std::mutex mutex_;
  std::vector<ModuleError> errors_;
};

std::string component_of(const std::string& tensor) {
  const auto has = [&](const char* part) { return tensor.find(part) != std::string::npos; };
  if (has("vision")) return "vision tower";
  if (has("audio")) return "audio tower";
  if (has("embed_tokens_per_layer")) return "PLE table";
  if (has("embed_tokens") || tensor.starts_with("lm_head")) return "embedding and head";
  if (has("norm") || has("layer_scalar")) return "norms and scalars";
  if (has("self_attn.")) return "attention";
  if (has("experts.") || has("router.")) return "experts and router";
  if (has("per_layer_")) return "PLE projections";
  if (has(".mlp.")) return "feed-forward";
  return "other";
}

std::vector<Component> components(const format::Checkpoint& checkpoint,
                                  const std::vector<format::TensorInfo>& outputs) {
  std::map<std::string, Component> by_name;
  for (const auto& [name, entry] : checkpoint.entries()) {
    Component& component = by_name[component_of(name)];
    ++component.tensors;
    component.bytes_before += entry.info->size_bytes;
  }
  for (const format::TensorInfo& tensor : outputs) by_name[component_of(tensor.name)].bytes_after += tensor.size_bytes;
  std::vector<Component> result;
  for (auto& [name, component] : by_name) {
    component.name = name;
    result.push_back(component);
  }
  std::sort(result.begin(), result.end(),
            [](const Component& a, const Component& b) { return a.bytes_before > b.bytes_before; });
  return result;
}

}  // namespace

Report quantize(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const format::Gemma4Config config = format::load_gemma4_config(options.model);
  const format::Checkpoint checkpoint = format::Checkpoint::open(options.model);
  const Plan plan = make_plan(checkpoint, config, options.recipe);
  if (fs::exists(options.output) && fs::equivalent(options.model, options.output))
    throw Error("{}: is the model itself", options.output);
  OutputDirectory output(options.output, options.force);

  std::map<std::string, float> input_ranges;
  if (options.recipe.scheme == Scheme::kNVFP4) {
    const auto device = device::make_cpu_device({.n_threads = options.n_threads});
    input_ranges = model::input_ranges(options.model, options.samples, *device, kCalibrationTokens, [&](std::size_t) {
      if (options.stop != nullptr && *options.stop) throw Interrupted();
    });
  }

  Report report;
  report.scheme = name_of(options.recipe.scheme);
  report.bytes_before = checkpoint.total_bytes();
  report.dropped_tensors = int(plan.dropped.size());
  {
    format::SafetensorsWriter writer =
        format::SafetensorsWriter::create(output.file("model.safetensors"), plan.outputs, {{"format", "pt"}});
    Progress progress("quantizing", report.bytes_before);
    ThreadTeam team(options.n_threads > 0 ? options.n_threads : available_cpus());
    Job job(options, checkpoint, plan, input_ranges, writer, progress);
    job.run(team);
    writer.close();
    report.errors = job.errors();
    report.kernels = job.kernels();
    for (const format::TensorInfo& tensor : writer.tensors()) report.bytes_after += tensor.size_bytes;
    report.components = components(checkpoint, writer.tensors());
  }
  write_text_file(output.file("config.json"), pretty_json(quantized_config(config, plan)));
  write_text_file(output.file("recipe.yaml"), recipe_text(options.recipe));
  for (const char* name : kCompanions) {
    const std::string from = options.model + "/" + name;
    if (file_exists(from)) write_text_file(output.file(name), read_text_file(from, 256u << 20));
  }
  output.commit();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace nibble::quantize
