#include "device/cpu/neon.h"

#include "device/cpu/f32x4.h"
#include "device/cpu/vector_math.h"

namespace nibble::device::cpu {

constexpr Kernels kNeon = {
    .name = "neon",
    .runs_here = has_neon,
    .matmul = neon_matmul,
    .screen = neon_screen,
    .attention = neon_attention,
    .gelu_multiply = gelu_multiply<F32x4>,
    .softcap = softcap<F32x4>,
    .sum_of_squares = sum_of_squares<F32x4>,
    .multiply_floats = neon_multiply_floats,
    .multiply_bytes = neon_multiply_bytes,
};

}  // namespace nibble::device::cpu
