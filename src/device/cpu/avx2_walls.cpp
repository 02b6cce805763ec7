// The most that AVX2 multiplies: ten independent chains in registers. The empty assembly hides from the compiler that
// the chains are equal, which it would compute once.
#include <immintrin.h>

#include "device/cpu/avx2.h"

namespace nibble::device::cpu {
namespace {

constexpr int kRounds = 1 << 15;
constexpr int kChains = 10;

}  // namespace

double avx2_multiply_floats(void* keep) {
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
  __m256 c[kChains];
  for (__m256& chain : c) {
    chain = b;
    asm("" : "+x"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m256& chain : c) chain = _mm256_fmadd_ps(chain, a, b);
  for (int i = 1; i < kChains; ++i) c[0] = _mm256_add_ps(c[0], c[i]);
  _mm256_storeu_ps(static_cast<float*>(keep), c[0]);
  return 2.0 * 8 * kChains * kRounds;
}

// Four products of bytes added up in 16 bits, then widened: the best there is without VNNI.
double avx2_multiply_bytes(void* keep) {
  constexpr int kSums = 4;
  const __m256i a = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  __m256i b = _mm256_set1_epi8(2);
  __m256i c[kSums];
  for (__m256i& chain : c) chain = _mm256_setzero_si256();
  for (int i = 0; i < kRounds; ++i) {
    for (__m256i& chain : c) {
      asm("" : "+x"(b));  // another input each time, as far as the compiler knows
      const __m256i first = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(b, a));
      asm("" : "+x"(b));
      const __m256i second = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(b, a));
      chain = _mm256_add_epi32(chain, _mm256_madd_epi16(_mm256_add_epi16(first, second), ones));
    }
  }
  for (int i = 1; i < kSums; ++i) c[0] = _mm256_add_epi32(c[0], c[i]);
  _mm256_storeu_si256(static_cast<__m256i*>(keep), c[0]);
  return 2.0 * 128 * kSums * kRounds;
}

}  // namespace nibble::device::cpu
