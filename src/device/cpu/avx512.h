// The parts of kAvx512, one a file; avx2.h's rule on inline functions holds here, too. The instructions are
// those of AVX-512 F, BW, DQ, VL with VBMI and BF16: Zen 4, Sapphire Rapids and later.
#pragma once

#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

void avx512_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out);
void avx512_screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores);
void avx512_attention(const AttentionTask& task);
double avx512_multiply_floats(void* keep);
double avx512_multiply_bytes(void* keep);

}  // namespace nibble::device::cpu
