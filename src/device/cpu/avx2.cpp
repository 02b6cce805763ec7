#include "device/cpu/avx2.h"

#include "device/cpu/f32x8.h"
#include "device/cpu/vector_math.h"

namespace nibble::device::cpu {

constexpr Kernels kAvx2 = {
    .name = "avx2",
    .runs_here = has_avx2,
    .matmul = avx2_matmul,
    .screen = avx2_screen,
    .attention = avx2_attention,
    .gelu_multiply = gelu_multiply<F32x8>,
    .softcap = softcap<F32x8>,
    .sum_of_squares = sum_of_squares<F32x8>,
    .multiply_floats = avx2_multiply_floats,
    .multiply_bytes = avx2_multiply_bytes,
};

}  // namespace nibble::device::cpu
