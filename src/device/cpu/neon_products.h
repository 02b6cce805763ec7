// How a word of weights meets a word of the input, in NEON's dot products (the word of each of four rows with one of a
// token) and matrix products (two words of two rows with two of two tokens), which add the same numbers in the same
// order.
#pragma once

#include "device/cpu/neon_decode.h"

namespace nibble::device::cpu {
namespace {

// A block is kSteps times two words.
struct Bf16Product {
  using Sum = float32x4_t;
  static constexpr int kSteps = 4;
  static constexpr bool kScaledInput = false;
  template <Storage kStorage>
  static void decode(const std::byte* codes, int step, int rows, uint8x16_t (&words)[2]) {
    decode_pairs<kStorage>(codes, step, rows, words);
  }
  static Sum zero() { return vdupq_n_f32(0); }
  static Sum dot(Sum sum, uint8x16_t w, uint8x16_t x) {
    return vbfdotq_f32(sum, vreinterpretq_bf16_u8(w), vreinterpretq_bf16_u8(x));
  }
  static Sum mmla(Sum sum, uint8x16_t w, uint8x16_t x) {
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u8(w), vreinterpretq_bf16_u8(x));
  }
  static float32x4_t scaled(float32x4_t total, Sum sum, float32x4_t scales, float32x4_t) {
    return vfmaq_f32(total, scales, sum);
  }
};

struct Int8Product {
  using Sum = int32x4_t;
  static constexpr int kSteps = 2;
  static constexpr bool kScaledInput = true;
  template <Storage kStorage>
  static void decode(const std::byte* codes, int step, int rows, uint8x16_t (&words)[2]) {
    decode_quads<kStorage>(codes, step, rows, words);
  }
  static Sum zero() { return vdupq_n_s32(0); }
  static Sum dot(Sum sum, uint8x16_t w, uint8x16_t x) {
    return vdotq_s32(sum, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(x));
  }
  static Sum mmla(Sum sum, uint8x16_t w, uint8x16_t x) {
    return vmmlaq_s32(sum, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(x));
  }
  static float32x4_t scaled(float32x4_t total, Sum sum, float32x4_t scales, float32x4_t inputs) {
    return vfmaq_f32(total, vcvtq_f32_s32(sum), vmulq_f32(scales, inputs));
  }
};

// Writes four sums, times their row factors, where rows exist.
void store(const PanelMatrix& w, int first_row, float32x4_t sums, float* out) {
  const float32x4_t result = vmulq_f32(sums, vld1q_f32(w.row_factor + first_row));
  if (w.rows - first_row >= 4) return vst1q_f32(out + first_row, result);
  float rows[4];
  vst1q_f32(rows, result);
  for (int r = 0; first_row + r < w.rows; ++r) out[first_row + r] = rows[r];
}

}  // namespace
}  // namespace nibble::device::cpu
