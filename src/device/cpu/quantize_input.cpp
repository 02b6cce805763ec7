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

// The step of an e2m1 input's 16 columns.
template <typename Round>
float nvfp4_step(const float* x, int n, float global_scale, const Round& round) {
  const float wanted = global_scale * round(largest_magnitude(x, n) / 6.0f);
  float scale = format::e4m3_to_f32(format::f32_to_e4m3(std::min(wanted, 448.0f)));
  if (scale == 0) scale = 0.125f;  // e4m3's epsilon, as the reference
  return scale / global_scale;
}

}  // namespace

void quantize_fp8_per_token(float* x, int cols, bool bf16) {
  const auto round = [&](float v) { return bf16 ? format::round_to_bf16(v) : v; };
  float scale = round(largest_magnitude(x, cols) / 448.0f);
  // A token of zeros: the reference falls back to the type's epsilon.
  if (scale == 0) scale = bf16 ? 0.0078125f : std::numeric_limits<float>::epsilon();
  for (int i = 0; i < cols; ++i) {
    const float scaled = std::clamp(round(x[i] / scale), -448.0f, 448.0f);
    x[i] = round(format::e4m3_to_f32(format::f32_to_e4m3(scaled)) * scale);
  }
}

void quantize_nvfp4(float* x, int cols, float global_scale, bool bf16) {
  const auto round = [&](float v) { return bf16 ? format::round_to_bf16(v) : v; };
  for (int begin = 0; begin < cols; begin += 16) {
    const int n = std::min(16, cols - begin);
    const float step = nvfp4_step(x + begin, n, global_scale, round);
    for (int i = begin; i < begin + n; ++i) x[i] = round(format::kE2m1[format::f32_to_e2m1(x[i] / step)] * step);
  }
}

void quantize_nvfp4_to_integers(float* x, int n_blocks, float global_scale, float* scales) {
  for (int b = 0; b < n_blocks; ++b, x += 16) {
    for (int i = 0; i < 16; ++i) x[i] = format::round_to_bf16(x[i]);
    const float step = nvfp4_step(x, 16, global_scale, format::round_to_bf16);
    for (int i = 0; i < 16; ++i) x[i] = 2 * format::kE2m1[format::f32_to_e2m1(x[i] / step)];
    scales[b] = step * 0.5f;
  }
}

void quantize_int8(float* x, int n_blocks, float* scales) {
  constexpr float kLeast = 0x1p-100f;      // below, a block is zero: its inverse would overflow
  constexpr float kToInteger = 0x1.8p23f;  // added and taken away, it rounds to the nearest even integer
  for (int b = 0; b < n_blocks; ++b, x += 16) {
    float largest = 0, not_finite = 0;
    for (int i = 0; i < 16; ++i) {
      largest = std::max(largest, std::abs(x[i]));
      not_finite += x[i] * 0.0f;  // NaN if one is NaN or infinite
    }
    const bool empty = largest < kLeast || not_finite != 0;
    const float inverse = empty ? 0.0f : 127.0f / largest;
    scales[b] = (empty ? 0.0f : largest / 127.0f) + not_finite;
    for (int i = 0; i < 16; ++i) x[i] = empty ? 0.0f : x[i] * inverse + kToInteger - kToInteger;
  }
}

}  // namespace nibble::device::cpu
