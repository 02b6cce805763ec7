// Rounds a linear's input the way the reference does for schemes that quantize activations (W4A4, FP8 dynamic). Real
// values go in and come out: x becomes code * scale. In a bf16 model each step of the reference rounds to bf16.
#pragma once

#include "device/device.h"

namespace nibble::device::cpu {

void quantize_fp8_per_token(float* x, int cols, bool bf16);
void quantize_nvfp4(float* x, int cols, float global_scale, bool bf16);

// For products of integers: x, [n_blocks * 16], becomes codes, and code * scale is what x was.
void quantize_int8(float* x, int n_blocks, float* scales);  // -127 to 127, the largest of a block
// Twice the e2m1 codes of quantize_nvfp4 in a bf16 model, whose products with the scale the reference rounds to bf16
// and this one doesn't.
void quantize_nvfp4_to_integers(float* x, int n_blocks, float global_scale, float* scales);

}  // namespace nibble::device::cpu
