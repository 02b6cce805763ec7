#include "model/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "format/bf16.h"
#include "format/fp8.h"

namespace nibble::model {
namespace {

using device::InputQuantization;
using device::MatrixSource;
using device::Storage;
using format::Checkpoint;
using format::DType;
using format::WeightFormat;

constexpr int kInt4PerWord = 8;

MatrixSource::Read reader(const Checkpoint::Entry& entry, std::uint64_t first_byte = 0) {
  return [entry, first_byte](std::uint64_t offset, std::span<std::byte> out) { entry.read(first_byte + offset, out); };
}

// The e4m3 scales of a checkpoint may be anything; a NaN among them would surface as NaN logits much later.
MatrixSource::Read checked_e4m3_reader(const Checkpoint::Entry& entry, const std::string& directory) {
  return [entry, directory](std::uint64_t offset, std::span<std::byte> out) {
    entry.read(offset, out);
    for (const std::byte code : out)
      if ((code & std::byte{0x7f}) == std::byte{0x7f})
        throw Error("{}: tensor '{}': a block scale is NaN (the checkpoint is damaged: quantize it again)", directory,
                    entry.info->name);
  };
}

// Rows of a bf16 tensor, quantized to FP8 when they are read: codes and one scale a row.
struct OnlineFP8 {
  Checkpoint::Entry entry;
  std::uint64_t first_byte;
  int cols;

  void rows(int first, int n, std::byte* codes, std::byte* scales) const {
    std::vector<std::uint16_t> row(static_cast<std::size_t>(cols));
    std::vector<std::uint8_t> code(row.size());
    for (int r = 0; r < n; ++r) {
      entry.read(first_byte + std::uint64_t(first + r) * row.size() * 2, std::as_writable_bytes(std::span(row)));
      const std::uint16_t scale = format::quantize_fp8_row(row, code);
      if (codes != nullptr) std::memcpy(codes + std::size_t(r) * row.size(), code.data(), code.size());
      if (scales != nullptr) std::memcpy(scales + std::size_t(r) * 2, &scale, 2);
    }
  }
};

void quantize_online(MatrixSource& source, const Checkpoint::Entry& entry, std::uint64_t first_byte) {
  const OnlineFP8 online{entry, first_byte, source.cols};
  const auto cols = std::uint64_t(source.cols);
  source.storage = Storage::kFP8;
  source.scale_count = source.rows;
  source.input = InputQuantization::kFP8PerToken;
  source.codes = [online, cols](std::uint64_t offset, std::span<std::byte> out) {
    online.rows(int(offset / cols), int(out.size() / cols), out.data(), nullptr);
  };
  source.scales = [online](std::uint64_t offset, std::span<std::byte> out) {
    online.rows(int(offset / 2), int(out.size() / 2), nullptr, out.data());
  };
}

bool stored_alike(const MatrixSource& a, const MatrixSource& b) {
  return a.storage == b.storage && a.group == b.group && a.input == b.input &&
         a.input_global_scale == b.input_global_scale;
}

std::size_t row_bytes(const MatrixSource& source, bool scales) {
  const auto cols = std::size_t(source.cols);
  switch (source.storage) {
    case Storage::kF32: return scales ? 0 : cols * 4;
    case Storage::kBF16: return scales ? 0 : cols * 2;
    case Storage::kFP8: return scales ? (source.scale_count == 1 ? 0 : 2) : cols;
    case Storage::kNVFP4: return scales ? cols / 16 : cols / 2;
    case Storage::kInt4: return scales ? cols / std::size_t(source.group) * 2 : cols / 2;
  }
  return 0;
}

}  // namespace

MatrixSource rows_of(MatrixSource source, int first, int n) {
  const auto shift = [&](MatrixSource::Read read, std::size_t bytes) -> MatrixSource::Read {
    if (!read || bytes == 0 || first == 0) return read;
    return [read = std::move(read), start = std::uint64_t(first) * bytes](
               std::uint64_t offset, std::span<std::byte> out) { read(start + offset, out); };
  };
  source.codes = shift(std::move(source.codes), row_bytes(source, false));
  source.scales = shift(std::move(source.scales), row_bytes(source, true));
  if (source.scale_count > 1) source.scale_count = n;
  source.rows = n;
  return source;
}

float LinearLoader::positive_scalar(const std::string& name) const {
  const Checkpoint::Entry entry = checkpoint_.require(name, DType::kF32, std::vector<std::int64_t>{1});
  float value = 0;
  entry.read(0, std::as_writable_bytes(std::span(&value, 1)));
  if (!std::isfinite(value) || value <= 0)
    throw Error("{}: tensor '{}': expected a positive finite number, found {}", checkpoint_.directory(), name, value);
  return value;
}

MatrixSource LinearLoader::source(const std::string& module, LinearShape shape) const {
  const auto* group = config_.quantization ? config_.quantization->group_of(module) : nullptr;
  const WeightFormat format = group != nullptr ? group->weights : WeightFormat::kBF16;
  const std::vector<std::int64_t> full = {shape.rows, shape.cols};
  MatrixSource source{.name = module, .rows = shape.rows, .cols = shape.cols};
  switch (format) {
    case WeightFormat::kBF16: {
      const Checkpoint::Entry entry = checkpoint_.require(module + ".weight", DType::kBF16, full);
      source.codes = reader(entry);
      if (options_.quantize_fp8) quantize_online(source, entry, 0);
      return source;
    }
    case WeightFormat::kFP8: {
      source.storage = Storage::kFP8;
      source.codes =
          checked_e4m3_reader(checkpoint_.require(module + ".weight", DType::kF8E4M3, full), checkpoint_.directory());
      const Checkpoint::Entry scales = checkpoint_.require(module + ".weight_scale");
      const std::uint64_t n = scales.info->n_elements();
      if (scales.info->dtype != DType::kBF16 || (n != 1 && n != std::uint64_t(shape.rows)))
        throw Error("{}: tensor '{}': expected BF16 [{}, 1] or [1], found {} {}", checkpoint_.directory(),
                    scales.info->name, shape.rows, format::name_of(scales.info->dtype),
                    format::shape_text(scales.info->shape));
      source.scale_count = int(n);
      source.scales = reader(scales);
      if (group->quantized_inputs) source.input = InputQuantization::kFP8PerToken;
      return source;
    }
    case WeightFormat::kNVFP4: {
      if (shape.cols % 16 != 0)
        throw Error("{}: '{}': NVFP4 needs a multiple of 16 columns, found {}", checkpoint_.directory(), module,
                    shape.cols);
      source.storage = Storage::kNVFP4;
      source.codes = reader(checkpoint_.require(module + ".weight_packed", DType::kU8,
                                                std::vector<std::int64_t>{shape.rows, shape.cols / 2}));
      source.scales = checked_e4m3_reader(checkpoint_.require(module + ".weight_scale", DType::kF8E4M3,
                                                              std::vector<std::int64_t>{shape.rows, shape.cols / 16}),
                                          checkpoint_.directory());
      source.global_scale = positive_scalar(module + ".weight_global_scale");
      if (group->quantized_inputs) {
        source.input = InputQuantization::kNVFP4;
        source.input_global_scale = positive_scalar(module + ".input_global_scale");
      }
      return source;
    }
    case WeightFormat::kInt4: {
      source.storage = Storage::kInt4;
      source.group = group->group_size;
      if (source.group <= 0 || source.group % 16 != 0 || shape.cols % source.group != 0)
        throw Error("{}: '{}': int4 groups of {} do not divide {} columns into multiples of 16",
                    checkpoint_.directory(), module, source.group, shape.cols);
      source.codes = reader(checkpoint_.require(module + ".weight_packed", DType::kI32,
                                                std::vector<std::int64_t>{shape.rows, shape.cols / kInt4PerWord}));
      source.scales = reader(checkpoint_.require(module + ".weight_scale", DType::kBF16,
                                                 std::vector<std::int64_t>{shape.rows, shape.cols / source.group}));
      return source;
    }
  }
  return source;
}

MatrixSource LinearLoader::slice(const std::string& name, const std::vector<std::int64_t>& tensor_shape, int first_row,
                                 LinearShape shape, Online online) const {
  const Checkpoint::Entry entry = checkpoint_.require(name, DType::kBF16, tensor_shape);
  MatrixSource source{.name = name, .rows = shape.rows, .cols = shape.cols};
  const std::uint64_t first_byte = std::uint64_t(first_row) * std::uint64_t(shape.cols) * 2;
  source.codes = reader(entry, first_byte);
  if (options_.quantize_fp8 && online == Online::kAsAsked) quantize_online(source, entry, first_byte);
  return source;
}

Linear LinearLoader::load(std::vector<MatrixSource> sources) const {
  Linear linear;
  linear.cols = sources[0].cols;
  for (std::size_t begin = 0; begin < sources.size();) {
    std::size_t end = begin + 1;
    while (end < sources.size() && stored_alike(sources[begin], sources[end])) ++end;
    const std::span<const MatrixSource> stack(sources.data() + begin, end - begin);
    linear.pieces.push_back({device_.load(stack), linear.rows});
    for (const MatrixSource& source : stack) {
      linear.modules.push_back(source.name);
      linear.rows += source.rows;
    }
    begin = end;
  }
  return linear;
}

}  // namespace nibble::model
