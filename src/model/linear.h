// From the name of a linear module to the sources a device loads: what its tensors are called in each format, what
// their types and shapes must be.
#pragma once

#include <string>
#include <vector>

#include "device/device.h"
#include "format/checkpoint.h"
#include "model/weights.h"

namespace nibble::model {

struct LinearShape {
  int rows = 0, cols = 0;
};

// Whether `--quantization fp8` applies: the head stays in BF16, as it does in quantized checkpoints.
enum class Online { kAsAsked, kNever };

class LinearLoader {
 public:
  LinearLoader(const format::Checkpoint& checkpoint, const format::Gemma4Config& config, device::Device& device,
               const LoadOptions& options)
      : checkpoint_(checkpoint), config_(config), device_(device), options_(options) {}

  // The module's weight, whatever the checkpoint stores it as.
  device::MatrixSource source(const std::string& module, LinearShape shape) const;
  // The plain tensor `name`, of which the matrix is rows [first_row, first_row + shape.rows) of [n_rows, cols] (an
  // expert inside the stacked tensor of a BF16 checkpoint).
  device::MatrixSource slice(const std::string& name, const std::vector<std::int64_t>& tensor_shape, int first_row,
                             LinearShape shape, Online online = Online::kAsAsked) const;
  // Loads the sources as one linear, stacked where they are stored alike.
  Linear load(std::vector<device::MatrixSource> sources) const;
  Linear load(const std::string& module, LinearShape shape) const { return load({source(module, shape)}); }

 private:
  float positive_scalar(const std::string& name) const;

  const format::Checkpoint& checkpoint_;
  const format::Gemma4Config& config_;
  device::Device& device_;
  const LoadOptions& options_;
};

// Rows [first, first + n) of a source.
device::MatrixSource rows_of(device::MatrixSource source, int first, int n);

}  // namespace nibble::model
