// The quantizer's loops for AVX2: a block of 16 columns is two vectors. The division stays a division, since a product
// with the reciprocal rounds differently. Per block: two divisions for the scale, two vectors of divisions, seven
// compares a vector; about 1.3 GB/s of bf16 a core.
#include <immintrin.h>

#include "format/bf16.h"
#include "format/nvfp4.h"
#include "quantize/kernels.h"

namespace nibble::quantize {
namespace {

// Sixteen bf16 as two vectors of f32.
struct Sixteen {
  __m256 low, high;
};

Sixteen load_bf16(const std::uint16_t* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m256i low = _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(bits)), 16);
  const __m256i high = _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm256_extracti128_si256(bits, 1)), 16);
  return {_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)};
}

__m128i largest_of_eight(__m128i values) {  // unsigned 16-bit; the result in the lowest lane
  const __m128i flipped = _mm_xor_si128(values, _mm_set1_epi16(-1));
  return _mm_xor_si128(_mm_minpos_epu16(flipped), _mm_set1_epi16(-1));
}

std::uint16_t largest_in(__m256i magnitudes) {
  const __m128i eight = _mm_max_epu16(_mm256_castsi256_si128(magnitudes), _mm256_extracti128_si256(magnitudes, 1));
  return std::uint16_t(_mm_extract_epi16(largest_of_eight(eight), 0));
}

std::uint16_t largest_magnitude(const std::uint16_t* values, std::size_t n) {
  const __m256i mask = _mm256_set1_epi16(0x7fff);
  __m256i largest = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
    largest = _mm256_max_epu16(largest, _mm256_and_si256(bits, mask));
  }
  std::uint16_t result = largest_in(largest);
  for (; i < n; ++i) {
    const std::uint16_t magnitude = values[i] & 0x7fff;
    result = magnitude > result ? magnitude : result;
  }
  return result;
}

double sum_of(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return double(_mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1))));
}

struct Codes {
  __m256i codes;  // eight, one a 32-bit lane
  __m256 values;  // what they stand for, in steps
};

Codes encode(__m256 scaled) {
  const __m256 sign = _mm256_and_ps(scaled, _mm256_set1_ps(-0.0f));
  const __m256 m = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), scaled);
  const auto over = [&](float edge) { return _mm256_castps_si256(_mm256_cmp_ps(m, _mm256_set1_ps(edge), _CMP_GT_OQ)); };
  const auto from = [&](float edge) { return _mm256_castps_si256(_mm256_cmp_ps(m, _mm256_set1_ps(edge), _CMP_GE_OQ)); };
  // A true compare is -1: the negated sum is the number of midpoints below, ties going to the even code.
  __m256i sum = _mm256_add_epi32(over(0.25f), from(0.75f));
  sum = _mm256_add_epi32(sum, _mm256_add_epi32(over(1.25f), from(1.75f)));
  sum = _mm256_add_epi32(sum, _mm256_add_epi32(over(2.5f), from(3.5f)));
  sum = _mm256_add_epi32(sum, over(5.0f));
  const __m256i magnitude = _mm256_sub_epi32(_mm256_setzero_si256(), sum);
  const __m256 levels = _mm256_setr_ps(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f);
  const __m256 value = _mm256_or_ps(_mm256_permutevar8x32_ps(levels, magnitude), sign);
  // The sign bit only where the value is below zero.
  const __m256i negative = _mm256_castps_si256(_mm256_cmp_ps(scaled, _mm256_setzero_ps(), _CMP_LT_OQ));
  return {_mm256_or_si256(magnitude, _mm256_and_si256(negative, _mm256_set1_epi32(8))), value};
}

// Eight codes in 32-bit lanes to four bytes, the even column in the low nibble.
std::uint32_t pack(__m256i codes) {
  const __m256i pairs = _mm256_or_si256(codes, _mm256_srli_epi64(codes, 28));  // in the low byte of each 64-bit lane
  const __m256i picked =
      _mm256_shuffle_epi8(pairs, _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                  0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  return std::uint32_t(
      _mm_cvtsi128_si32(_mm_or_si128(_mm256_castsi256_si128(picked), _mm256_extracti128_si256(picked, 1))));
}

void add_error(__m256 weight, __m256 stored, __m256& weights, __m256& errors) {
  const __m256 difference = _mm256_sub_ps(weight, stored);
  weights = _mm256_fmadd_ps(weight, weight, weights);
  errors = _mm256_fmadd_ps(difference, difference, errors);
}

void nvfp4_row(const Nvfp4Row& row, ErrorSums& sums) {
  __m256 weights = _mm256_setzero_ps(), errors = _mm256_setzero_ps();
  for (int begin = 0; begin < row.cols; begin += format::kNvfp4Block) {
    const std::uint16_t* from = row.weights + begin;
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const std::uint16_t largest = largest_in(_mm256_and_si256(bits, _mm256_set1_epi16(0x7fff)));
    const std::uint8_t scale = format::nvfp4_block_scale(format::bf16_to_f32(largest), row.global_scale);
    const float step = format::nvfp4_step(scale, row.global_scale);
    row.scales[begin / format::kNvfp4Block] = scale;
    const __m256 steps = _mm256_set1_ps(step);
    const Sixteen w = load_bf16(from);
    const Codes low = encode(_mm256_div_ps(w.low, steps)), high = encode(_mm256_div_ps(w.high, steps));
    const std::uint32_t packed[2] = {pack(low.codes), pack(high.codes)};
    __builtin_memcpy(row.codes + begin / 2, packed, sizeof packed);
    add_error(w.low, _mm256_mul_ps(low.values, steps), weights, errors);
    add_error(w.high, _mm256_mul_ps(high.values, steps), weights, errors);
  }
  sums.weight += sum_of(weights);
  sums.error += sum_of(errors);
}

__m256 round_to_bf16(__m256 v) {
  const __m256i bits = _mm256_castps_si256(v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  return _mm256_castsi256_ps(_mm256_and_si256(rounded, _mm256_set1_epi32(int(0xffff0000))));
}

// Eight e4m3 codes in 32-bit lanes; `value` is within +-448.
__m256i encode_e4m3(__m256 value) {
  const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
  const __m256i bits = _mm256_castps_si256(magnitude);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 20), _mm256_set1_epi32(1));
  const __m256i normal =
      _mm256_sub_epi32(_mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7ffff))), 20),
                       _mm256_set1_epi32(120 << 3));
  // Below 2^-6 the codes count steps of 2^-9: adding 2^14, whose last bit is worth 2^-9, rounds to them.
  const __m256i shifted = _mm256_castps_si256(_mm256_add_ps(magnitude, _mm256_set1_ps(16384.0f)));
  const __m256i subnormal = _mm256_and_si256(shifted, _mm256_set1_epi32(0xff));
  const __m256i small = _mm256_castps_si256(_mm256_cmp_ps(magnitude, _mm256_set1_ps(0.015625f), _CMP_LT_OQ));
  const __m256i code = _mm256_blendv_epi8(normal, subnormal, small);
  const __m256i sign = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(value), 24), _mm256_set1_epi32(0x80));
  return _mm256_or_si256(code, sign);
}

// The values of eight e4m3 codes: the exponent and mantissa moved to f32's place are off by 2^120.
__m256 decode_e4m3(__m256i code) {
  const __m256i magnitude = _mm256_slli_epi32(_mm256_and_si256(code, _mm256_set1_epi32(0x7f)), 20);
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(code, _mm256_set1_epi32(0x80)), 24);
  const __m256 scaled = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(0x1p120f));
  return _mm256_or_ps(scaled, _mm256_castsi256_ps(sign));
}

void fp8_row(const std::uint16_t* from, int cols, std::uint16_t scale, std::uint8_t* codes, ErrorSums& sums) {
  const __m256 steps = _mm256_set1_ps(format::bf16_to_f32(scale));
  __m256 weights = _mm256_setzero_ps(), errors = _mm256_setzero_ps();
  const auto eight = [&](__m256 w) {
    const __m256 scaled = _mm256_add_ps(round_to_bf16(_mm256_div_ps(w, steps)), _mm256_setzero_ps());
    const __m256 clamped = _mm256_max_ps(_mm256_min_ps(scaled, _mm256_set1_ps(448.0f)), _mm256_set1_ps(-448.0f));
    const __m256i code = encode_e4m3(clamped);
    add_error(w, _mm256_mul_ps(decode_e4m3(code), steps), weights, errors);
    return code;
  };
  int i = 0;
  for (; i + 16 <= cols; i += 16) {
    const Sixteen w = load_bf16(from + i);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(eight(w.low), eight(w.high)), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i), bytes);
  }
  sums.weight += sum_of(weights);
  sums.error += sum_of(errors);
  if (i < cols) kScalar.fp8_row(from + i, cols - i, scale, codes + i, sums);
}

}  // namespace

const Kernels kAvx2 = {
    .name = "avx2",
    .runs_here = [] { return bool(__builtin_cpu_supports("avx2")) && bool(__builtin_cpu_supports("fma")); },
    .largest_magnitude = largest_magnitude,
    .nvfp4_row = nvfp4_row,
    .fp8_row = fp8_row,
};

}  // namespace nibble::quantize
