// Eight f32 in an AVX2 register: the operations vector_math.h and vector_attention.h are written over.
// Included by avx2*.cpp alone; in an unnamed namespace, so that every function made from it stays inside its
// object file.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "device/cpu/kv.h"

namespace nibble::device::cpu {
namespace {

struct F32x8 {
  using Vector = __m256;
  static constexpr int kLanes = 8;

  static Vector set(float x) { return _mm256_set1_ps(x); }
  static Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static Vector load(const std::uint16_t* bf16) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bf16));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  // The bits of a code moved to f16's exponent and mantissa are its value * 2^-8, denormals included.
  static Vector load(const E4m3* codes) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes));
    const __m128i high = _mm_unpacklo_epi8(_mm_setzero_si128(), bytes);
    const __m128i f16 = _mm_and_si128(_mm_srai_epi16(high, 1), _mm_set1_epi16(short(0xbf80)));
    return _mm256_mul_ps(_mm256_cvtph_ps(f16), _mm256_set1_ps(0x1p8f));
  }
  static void store(float* to, Vector x) { _mm256_storeu_ps(to, x); }

  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector magnitude(Vector x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
  // a where limit > x, else b.
  static Vector where_below(Vector x, Vector limit, Vector a, Vector b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, limit, _CMP_LT_OQ));
  }
  static Vector with_sign_of(Vector magnitude, Vector sign) {
    return _mm256_or_ps(magnitude, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
  }
  // The second operand where either is NaN.
  static Vector min(Vector a, Vector b) { return _mm256_min_ps(a, b); }
  static Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static Vector round(Vector x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  // x * 2^n for whole n in [-252, 252]: two factors, since 2^n itself may be beyond f32.
  static Vector scale_by_power(Vector x, Vector n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(_mm256_sub_epi32(whole, half)));
  }

  static float sum(Vector x) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float largest(Vector x) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static Vector power(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
};

}  // namespace
}  // namespace nibble::device::cpu
