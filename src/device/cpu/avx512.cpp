#include "device/cpu/avx512.h"

#include "device/cpu/f32x16.h"
#include "device/cpu/vector_math.h"

namespace nibble::device::cpu {

constexpr Kernels kAvx512 = {
    .name = "avx512",
    .runs_here = has_avx512,
    .matmul = avx512_matmul,
    .screen = avx512_screen,
    .attention = avx512_attention,
    .gelu_multiply = gelu_multiply<F32x16>,
    .softcap = softcap<F32x16>,
    .sum_of_squares = sum_of_squares<F32x16>,
    .multiply_floats = avx512_multiply_floats,
    .multiply_bytes = avx512_multiply_bytes,
};

}  // namespace nibble::device::cpu
