// The parts of kNeon, one a file; avx2.h's rule on inline functions holds here, too. The instructions are those of
// Armv8.2 with the dot and matrix products of bytes and bf16: Neoverse V1 and N2, Cortex-X2 and later.
#pragma once

#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

void neon_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out);
void neon_screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores);
void neon_attention(const AttentionTask& task);
double neon_multiply_floats(void* keep);
double neon_multiply_bytes(void* keep);

}  // namespace nibble::device::cpu
