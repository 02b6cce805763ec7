#include "device/cpu/quantize_input.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"

namespace nibble::device::cpu {
namespace {

float largest_magnitude(const float* x, int n) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}

}  // namespace

void quantize_fp8_per_token(float* x, int cols, Activations activations) {
  const bool bf16 = activations == Activations::kBF16;
  const auto round = [&](float v) { return bf16 ? format::round_to_bf16(v) : v; };
  float scale = round(largest_magnitude(x, cols) / 448.0f);
  // A token of zeros: the reference falls back to the type's epsilon.
  if (scale == 0) scale = bf16 ? 0.0078125f : std::numeric_limits<float>::epsilon();
  for (int i = 0; i < cols; ++i) {
    const float scaled = std::clamp(round(x[i] / scale), -448.0f, 448.0f);
    x[i] = round(format::e4m3_to_f32(format::f32_to_e4m3(scaled)) * scale);
  }
}

void quantize_nvfp4(float* x, int cols, float global_scale, Activations activations) {
  const bool bf16 = activations == Activations::kBF16;
  const auto round = [&](float v) { return bf16 ? format::round_to_bf16(v) : v; };
  for (int begin = 0; begin < cols; begin += 16) {
    const int n = std::min(16, cols - begin);
    const float wanted = global_scale * round(largest_magnitude(x + begin, n) / 6.0f);
    float scale = format::e4m3_to_f32(format::f32_to_e4m3(std::min(wanted, 448.0f)));
    if (scale == 0) scale = 0.125f;  // e4m3's epsilon, as the reference
    const float step = scale / global_scale;
    for (int i = begin; i < begin + n; ++i) x[i] = round(format::kE2m1[format::f32_to_e2m1(x[i] / step)] * step);
  }
}

}  // namespace nibble::device::cpu
