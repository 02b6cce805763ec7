// The one weight layout of the CPU device. Rows go in panels of 16, columns in blocks of 16 (both padded with zeros), so
// that one vector holds the same column of 16 rows: a kernel broadcasts an activation and needs no horizontal sum, and
// the 16 scales of a block are one load. A panel is contiguous, its codes first, then its scales.
//
//   storage   codes of one block (16 columns)                                      scales of one block
//   kF32      [16 k][16 rows] f32                                                  -
//   kBF16     [8 k pairs][16 rows] u32: column 2p low half, 2p + 1 high half       -
//   kFP8      [4 k quads][16 rows][4 k] e4m3                                       -            (row_factor scales)
//   kNVFP4    [2][16 rows][4 k] u8: vector v holds quad 2v low, 2v + 1 high nibble [16 rows] e4m3
//   kInt4     the same, nibbles two's complement                                   [16 rows] bf16
#pragma once

#include <cstdint>
#include <span>

#include "base/threads.h"
#include "device/cpu/memory.h"
#include "device/device.h"

namespace nibble::device::cpu {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlockCols = 16;

struct PanelMatrix final : Matrix {
  int n_panels = 0, n_blocks = 0;
  std::size_t block_code_bytes = 0, block_scale_bytes = 0, panel_bytes = 0;
  Memory memory;                // [n_panels][panel_bytes]
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
