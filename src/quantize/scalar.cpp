// The quantizer's reference loops.
#include <algorithm>
#include <cmath>

#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"
#include "format/fp8.h"
#include "format/nvfp4.h"
#include "quantize/kernels.h"

namespace nibble::quantize {
namespace {

using format::bf16_to_f32;

std::uint16_t largest_magnitude(const std::uint16_t* values, std::size_t n) {
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::uint16_t(values[i] & 0x7fff));
  return largest;
}

void add_error(float weight, float stored, ErrorSums& sums) {
  sums.weight += double(weight) * double(weight);
  sums.error += (double(weight) - double(stored)) * (double(weight) - double(stored));
}

void nvfp4_row(const Nvfp4Row& row, ErrorSums& sums) {
  for (int begin = 0; begin < row.cols; begin += format::kNvfp4Block) {
    const std::uint16_t* weights = row.weights + begin;
    const float largest = bf16_to_f32(largest_magnitude(weights, format::kNvfp4Block));
    const std::uint8_t scale = format::nvfp4_block_scale(largest, row.global_scale);
    const float step = format::nvfp4_step(scale, row.global_scale);
    row.scales[begin / format::kNvfp4Block] = scale;
    for (int i = 0; i < format::kNvfp4Block; i += 2) {
      const std::uint8_t low = format::f32_to_e2m1(bf16_to_f32(weights[i]) / step);
      const std::uint8_t high = format::f32_to_e2m1(bf16_to_f32(weights[i + 1]) / step);
      row.codes[(begin + i) / 2] = std::uint8_t(low | (high << 4));
      add_error(bf16_to_f32(weights[i]), format::kE2m1[low] * step, sums);
      add_error(bf16_to_f32(weights[i + 1]), format::kE2m1[high] * step, sums);
    }
  }
}

void fp8_row(const std::uint16_t* weights, int cols, std::uint16_t scale, std::uint8_t* codes, ErrorSums& sums) {
  const float step = bf16_to_f32(scale);
  for (int i = 0; i < cols; ++i) {
    codes[i] = format::fp8_code(bf16_to_f32(weights[i]), step);
    add_error(bf16_to_f32(weights[i]), format::e4m3_to_f32(codes[i]) * step, sums);
  }
}

}  // namespace

const Kernels kScalar = {
    .name = "scalar",
    .runs_here = [] { return true; },
    .largest_magnitude = largest_magnitude,
    .nvfp4_row = nvfp4_row,
    .fp8_row = fp8_row,
};

}  // namespace nibble::quantize
