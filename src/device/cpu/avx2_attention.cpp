#include "device/cpu/avx2.h"
#include "device/cpu/f32x8.h"
#include "device/cpu/vector_attention.h"

namespace nibble::device::cpu {

void avx2_attention(const AttentionTask& task) { vector_attention<F32x8>(task); }

}  // namespace nibble::device::cpu
