// The inner loops of the quantizer, a table an instruction set. All results are equal bit for bit but the two error sums.
#pragma once

#include <cstdint>
#include <span>

namespace nibble::quantize {

// Adds up over a tensor; the relative error is sqrt(error / weight).
struct ErrorSums {
  double weight = 0, error = 0;
};

struct Nvfp4Row {
  const std::uint16_t* weights;  // bf16 [cols]
  int cols;                      // a multiple of 16
  float global_scale;
  std::uint8_t* codes;   // [cols / 2]
  std::uint8_t* scales;  // [cols / 16]
};

struct Kernels {
  const char* name;
  bool (*runs_here)();
  // Largest magnitude of bf16 values, as bits; at least 0x7f80 if one is infinite or not a number.
  std::uint16_t (*largest_magnitude)(const std::uint16_t* values, std::size_t n);
  void (*nvfp4_row)(const Nvfp4Row& row, ErrorSums& sums);
  // Codes under a given scale (its bf16 bits).
  void (*fp8_row)(const std::uint16_t* weights, int cols, std::uint16_t scale, std::uint8_t* codes, ErrorSums& sums);
};

std::span<const Kernels* const> all_kernels();  // best first; scalar last
const Kernels& select_kernels();                // CPU_KERNELS=scalar|avx2 overrides

extern const Kernels kScalar;
extern const Kernels kAvx2;

}  // namespace nibble::quantize
