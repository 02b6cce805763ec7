#include "device/cpu/avx512.h"
#include "device/cpu/f32x16.h"
#include "device/cpu/vector_attention.h"

namespace nibble::device::cpu {

void avx512_attention(const AttentionTask& task) { vector_attention<F32x16>(task); }

}  // namespace nibble::device::cpu
