// Four f32 in a NEON register: as f32x8.h, for neon*.cpp.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include "device/cpu/kv.h"

namespace nibble::device::cpu {
namespace {

struct F32x4 {
  using Vector = float32x4_t;
  static constexpr int kLanes = 4;

  static Vector set(float x) { return vdupq_n_f32(x); }
  static Vector load(const float* from) { return vld1q_f32(from); }
  static Vector load(const std::uint16_t* bf16) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(bf16), 16)); }
  // The bits of a code moved to f16's exponent and mantissa are its value * 2^-8, denormals included.
  static Vector load(const E4m3* codes) {
    std::uint32_t four;
    std::memcpy(&four, codes, 4);
    const uint16x8_t high = vshll_n_u8(vcreate_u8(four), 8);
    return vmulq_n_f32(vcvt_f32_f16(vget_low_f16(f16_of_e4m3(high))), 0x1p8f);
  }
  // Of codes in the upper bytes.
  static float16x8_t f16_of_e4m3(uint16x8_t codes) {
    return vreinterpretq_f16_s16(vandq_s16(vshrq_n_s16(vreinterpretq_s16_u16(codes), 1), vdupq_n_s16(short(0xbf80))));
  }
  static void store(float* to, Vector x) { vst1q_f32(to, x); }

  static Vector add(Vector a, Vector b) { return vaddq_f32(a, b); }
  static Vector multiply(Vector a, Vector b) { return vmulq_f32(a, b); }
  static Vector divide(Vector a, Vector b) { return vdivq_f32(a, b); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
  static Vector magnitude(Vector x) { return vabsq_f32(x); }
  // a where limit > x, else b.
  static Vector where_below(Vector x, Vector limit, Vector a, Vector b) { return vbslq_f32(vcltq_f32(x, limit), a, b); }
  static Vector with_sign_of(Vector magnitude, Vector sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000), sign, magnitude);
  }
  // The second operand where either is NaN.
  static Vector min(Vector a, Vector b) { return where_below(a, b, a, b); }
  static Vector max(Vector a, Vector b) { return where_below(b, a, a, b); }
  static Vector round(Vector x) { return vrndnq_f32(x); }

  // x * 2^n for whole n in [-252, 252]: two factors, since 2^n itself may be beyond f32.
  static Vector scale_by_power(Vector x, Vector n) {
    const int32x4_t whole = vcvtq_s32_f32(n);
    const int32x4_t half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(x, power(half)), power(vsubq_s32(whole, half)));
  }

  static float sum(Vector x) { return vaddvq_f32(x); }
  static float largest(Vector x) { return vmaxvq_f32(x); }

 private:
  static Vector power(int32x4_t n) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23)); }
};

}  // namespace
}  // namespace nibble::device::cpu
