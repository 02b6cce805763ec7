// Sixteen f32 in an AVX-512 register: as f32x8.h, for avx512*.cpp.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "device/cpu/kv.h"

namespace nibble::device::cpu {
namespace {

struct F32x16 {
  using Vector = __m512;
  static constexpr int kLanes = 16;

  static Vector set(float x) { return _mm512_set1_ps(x); }
  static Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static Vector load(const std::uint16_t* bf16) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bf16));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  // The bits of a code moved to f16's exponent and mantissa are its value * 2^-8, denormals included.
  static Vector load(const E4m3* codes) {
    const __m256i high =
        _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))), 8);
    const __m256i f16 = _mm256_and_si256(_mm256_srai_epi16(high, 1), _mm256_set1_epi16(short(0xbf80)));
    return _mm512_mul_ps(_mm512_cvtph_ps(f16), _mm512_set1_ps(0x1p8f));
  }
  static void store(float* to, Vector x) { _mm512_storeu_ps(to, x); }

  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector magnitude(Vector x) { return _mm512_abs_ps(x); }
  // a where limit > x, else b.
  static Vector where_below(Vector x, Vector limit, Vector a, Vector b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), b, a);
  }
  static Vector with_sign_of(Vector magnitude, Vector sign) {
    return _mm512_or_ps(magnitude, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
  }
  // The second operand where either is NaN.
  static Vector min(Vector a, Vector b) { return _mm512_min_ps(a, b); }
  static Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static Vector round(Vector x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Vector scale_by_power(Vector x, Vector n) { return _mm512_scalef_ps(x, n); }  // x * 2^n
  static float sum(Vector x) { return _mm512_reduce_add_ps(x); }
  static float largest(Vector x) { return _mm512_reduce_max_ps(x); }
};

}  // namespace
}  // namespace nibble::device::cpu
