// An int8 copy of a BF16 matrix with what is needed to say how far a product with it can be from the exact one. A row w
// becomes scale * codes = w'; its error norm ||w - w'|| and the larger of ||w||, ||w'|| are kept. A token's input h becomes
// step * (128 high + low) = h', 15 bits, so that w'h' is a sum of integers. docs/numerics.md, "Screened head", has the proof
// that for every row |score - what the exact kernels compute| <= error * token.error_factor + norm * token.norm_factor.
#pragma once

#include <cstdint>
#include <vector>

#include "device/cpu/operand.h"
#include "device/cpu/panel.h"

namespace nibble::device::cpu {

struct Screen {
  int rows = 0, n_panels = 0, n_quads = 0;
  Memory codes;               // [n_panels][n_quads][16 rows] u32: four neighbouring columns, code + 128 each
  Memory scales;              // [n_panels * 16] f32
  std::vector<float> errors;  // [rows], rounded up; infinite where the row has something that is no number
  std::vector<float> norms;   // [rows], rounded up
  std::size_t bytes = 0;

  const std::byte* panel(int p) const {
    return codes.data() + std::size_t(p) * std::size_t(n_quads) * kPanelRows * sizeof(std::uint32_t);
  }
};

bool can_screen(const PanelMatrix& w);  // a kBF16 matrix whose sums of integers fit in 32 bits
Screen make_screen(const PanelMatrix& w, ThreadTeam& team);

// Up to kTileTokens tokens as a screen's kernels read them.
struct ScreenInput {
  struct Token {
    float step = 0;
    double error_factor = 0, norm_factor = 0;
  };
  int n_tokens = 0;
  std::vector<std::uint32_t> high, low;             // [n_quads][n_tokens], four int8 each
  std::vector<std::int32_t> high_start, low_start;  // [n_tokens]: -128 times the sum of the codes
  std::vector<Token> tokens;

  // From the bf16-rounded input of the exact product. False where it has something that is no number.
  bool fill(const Operand& x, int n_quads);
};

}  // namespace nibble::device::cpu
