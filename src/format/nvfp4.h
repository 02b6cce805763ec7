// NVFP4 as the NVFP4A16 recipe stores it: e2m1 codes, an e4m3 scale for 16 columns, an f32 global scale a tensor.
//   value = code * (scale / global_scale)
// These functions are the specification; vectorised versions equal them bit for bit.
#pragma once

#include <cstdint>
#include <span>

namespace nibble::format {

inline constexpr int kNvfp4Block = 16;

// From the largest magnitude of a bf16 tensor. The reference computes in bf16, a reciprocal and then a product, and
// falls back to 1 where the result is no finite number.
float nvfp4_global_scale(float largest_magnitude);

// The e4m3 scale of a block from its largest magnitude.
std::uint8_t nvfp4_block_scale(float largest_magnitude, float global_scale);

// What a code is multiplied with: f32(scale) / global_scale.
float nvfp4_step(std::uint8_t scale, float global_scale);

}  // namespace nibble::format
