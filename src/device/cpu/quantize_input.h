// Rounds a linear's input the way the reference does for schemes that quantize activations (W4A4, FP8 dynamic). Real
// values go in and come out: x becomes code * scale. In a bf16 model each step of the reference rounds to bf16.
#pragma once

#include "device/device.h"

namespace nibble::device::cpu {

void quantize_fp8_per_token(float* x, int cols, Activations activations);
void quantize_nvfp4(float* x, int cols, float global_scale, Activations activations);

}  // namespace nibble::device::cpu
