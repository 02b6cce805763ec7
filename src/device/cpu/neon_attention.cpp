#include "device/cpu/f32x4.h"
#include "device/cpu/neon.h"
#include "device/cpu/vector_attention.h"

namespace nibble::device::cpu {

void neon_attention(const AttentionTask& task) { vector_attention<F32x4>(task); }

}  // namespace nibble::device::cpu
