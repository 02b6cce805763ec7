// The one weight layout of the CPU device. Rows go in panels of 16, columns in blocks of 16 (both padded with zeros),
// so that one vector holds the same columns of 16 rows: a kernel broadcasts an activation and needs no horizontal sum, and
// the 16 scales of a block are one load. A block's codes are [words][16 rows] u32; word w of a row is the w-th u32 of
// its 16 columns in the file, for the narrow codes with its digits in another order. A panel is contiguous, its codes
// first, then its scales.
//
//   storage  words  a word, lowest bits first                                       scales of a block
//   kF32     16     column w                                                        -
//   kBF16    8      columns 2w, 2w + 1                                              -
//   kFP8     4      e4m3 of columns 4w + 0, 2, 1, 3                                 -      (row_factor scales)
//   kNVFP4   2      e2m1 of columns 8w + 0, 4, 2, 6, 1, 5, 3, 7                     [16 rows] e4m3
//   kInt4    2      the same, two's complement                                      [16 rows] bf16
//
// In those orders bytes (or, for the nibbles, low halves of bytes) 0 and 2 of a word are neighbouring columns, as are 1
// and 3: the 16-bit halves of a word become a pair of bf16 by one table look-up. No e4m3 code or scale is NaN.
#pragma once

#include <cstdint>
#include <span>

#include "base/threads.h"
#include "device/cpu/memory.h"
#include "device/device.h"

namespace nibble::device::cpu {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlockCols = 16;

struct PanelMatrix : Matrix {
  int n_panels = 0, n_blocks = 0;
  std::size_t block_code_bytes = 0, block_scale_bytes = 0, panel_bytes = 0;
  Memory memory;                      // [n_panels][panel_bytes]
  const float* row_factor = nullptr;  // [n_panels * 16], multiplies a row's sum: FP8 scale, 1 / global scale, 1
  Memory row_factor_memory;
  InputQuantization input = InputQuantization::kNone;
  float input_global_scale = 1.0f;

  const std::byte* codes(int panel) const { return memory.data() + std::size_t(panel) * panel_bytes; }
  const std::byte* scales(int panel) const { return codes(panel) + std::size_t(n_blocks) * block_code_bytes; }
};

// Reads and repacks; `expand` turns every storage into kF32 by the reference's own dequantization (bf16-rounded).
// An Error of a source's reader comes out unchanged.
std::unique_ptr<PanelMatrix> load_panels(std::span<const MatrixSource> stacked_by_row, bool expand, ThreadTeam& team);

}  // namespace nibble::device::cpu
