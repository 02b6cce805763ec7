// The most that NEON multiplies: matrix products of bf16 and of bytes, in independent chains as in avx2_walls.cpp.
#include <arm_neon.h>

#include "device/cpu/neon.h"

namespace nibble::device::cpu {
namespace {

constexpr int kRounds = 1 << 15;
constexpr int kChains = 20;  // five cycles of four units

}  // namespace

double neon_multiply_floats(void* keep) {
  const bfloat16x8_t a = vreinterpretq_bf16_u16(vdupq_n_u16(0x3f3f));
  float32x4_t c[kChains];
  for (float32x4_t& chain : c) {
    chain = vdupq_n_f32(0);
    asm("" : "+w"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (float32x4_t& chain : c) chain = vbfmmlaq_f32(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = vaddq_f32(c[0], c[i]);
  vst1q_f32(static_cast<float*>(keep), c[0]);
  return 2.0 * 16 * kChains * kRounds;
}

double neon_multiply_bytes(void* keep) {
  const int8x16_t a = vdupq_n_s8(1);
  int32x4_t c[kChains];
  for (int32x4_t& chain : c) {
    chain = vdupq_n_s32(0);
    asm("" : "+w"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (int32x4_t& chain : c) chain = vmmlaq_s32(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = vaddq_s32(c[0], c[i]);
  vst1q_s32(static_cast<std::int32_t*>(keep), c[0]);
  return 2.0 * 32 * kChains * kRounds;
}

}  // namespace nibble::device::cpu
