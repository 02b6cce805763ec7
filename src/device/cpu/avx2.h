// The parts of kAvx2, one a file. All are compiled for AVX2, FMA and F16C, so none may define an inline or
// template function with external linkage, standard headers' included: the linker keeps one copy of those for
// the whole program.
#pragma once

#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

void avx2_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out);
void avx2_int8_matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out);
void avx2_screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores);
void avx2_attention(const AttentionTask& task);
double avx2_multiply_floats(void* keep);
double avx2_multiply_bytes(void* keep);

}  // namespace nibble::device::cpu
