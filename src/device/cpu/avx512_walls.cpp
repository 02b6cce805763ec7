// The most that AVX-512 multiplies: ten independent chains in registers. The empty assembly hides from the compiler
// that the chains are equal, which it would compute once.
#include <immintrin.h>

#include "device/cpu/avx512.h"

namespace nibble::device::cpu {
namespace {

constexpr int kRounds = 1 << 15;
constexpr int kChains = 10;

}  // namespace

double avx512_multiply_floats(void* keep) {
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3f003f00));
  __m512 c[kChains];
  for (__m512& chain : c) {
    chain = _mm512_setzero_ps();
    asm("" : "+v"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m512& chain : c) chain = _mm512_dpbf16_ps(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = _mm512_add_ps(c[0], c[i]);
  _mm512_storeu_ps(keep, c[0]);
  return 2.0 * 32 * kChains * kRounds;
}

double avx512_multiply_bytes(void* keep) {
  const __m512i a = _mm512_set1_epi8(1);
  __m512i c[kChains];
  for (__m512i& chain : c) {
    chain = _mm512_setzero_si512();
    asm("" : "+v"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m512i& chain : c) chain = _mm512_dpbusd_epi32(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = _mm512_add_epi32(c[0], c[i]);
  _mm512_storeu_si512(keep, c[0]);
  return 2.0 * 64 * kChains * kRounds;
}

}  // namespace nibble::device::cpu
