// The input of a matrix product, rounded and laid out for the kernels. Tokens go in tiles of 8 (the last has what is left):
// in a tile the words of a column group lie side by side for its tokens, so that a kernel reads one short run after the
// other, whatever the width of the matrix. A word is what a vector kernel broadcasts: a pair of bf16, or a quad of int8.
//
//   kBF16  8 words a block   columns 2w, 2w + 1
//   kInt8  4 words a block   columns 4w + 0, 2, 1, 3, as panel.h orders the codes they are multiplied with
//
// An int8 input stands for code * scale, with one scale for the 16 columns of a block.
#pragma once

#include <cstdint>
#include <vector>

#include "base/function_ref.h"
#include "device/cpu/panel.h"

namespace nibble::device::cpu {

inline constexpr int kTileTokens = 8;

enum class OperandType : std::uint8_t {
  kF32,   // f32 alone: for the scalar kernels
  kBF16,  // f32 and words hold the same values
  kInt8,  // f32 holds the codes; for matrices whose products are sums of integers
};

struct Operand {
  OperandType type = OperandType::kF32;
  int n_tokens = 0, n_blocks = 0;
  const float* f32 = nullptr;             // [n_tokens, n_blocks * 16], zeros beyond the matrix's columns
  const std::uint32_t* words = nullptr;   // [tile][n_blocks * words_of_a_block()][tokens of the tile]
  const float* scales = nullptr;          // kInt8: [tile][n_blocks][tokens of the tile]
  const std::int32_t* offsets = nullptr;  // the same: what the weights' zero point adds to a block's sum, taken off

  std::ptrdiff_t stride() const { return std::ptrdiff_t(n_blocks) * kBlockCols; }
  int words_of_a_block() const { return type == OperandType::kInt8 ? kBlockCols / 4 : kBlockCols / 2; }
  float scale(int token, int block) const;
};

// The tokens [first, first + n) of a tile.
struct OperandTile {
  int first = 0, n = 0;
  const std::uint32_t* words = nullptr;  // [n_blocks * words_of_a_block()][n]
  const float* scales = nullptr;         // [n_blocks][n]
  const std::int32_t* offsets = nullptr;
};
OperandTile tile_of(const Operand& x, int first_token);  // a multiple of kTileTokens

Operand tile_alone(const Operand& x, int first_token);  // the same, as an input of its own

// Vector kernels multiply unsigned codes, code + zero point.
int zero_point(Storage storage);

// Owns the memory of one Operand at a time.
class OperandBuffer {
 public:
  // Runs task(row) for every row, on as many threads as it likes.
  using ForRows = FunctionRef<void(FunctionRef<void(int)> task)>;
  // `activations` says how a plain input is rounded; a matrix with a quantized input gets that one.
  Operand fill(Array x, const PanelMatrix& w, Activations activations, ForRows for_rows);

 private:
  void pack_bf16(int token, int n_tokens, int n_blocks);
  void pack_int8(int token, int n_tokens, int n_blocks, int zero_point);

  std::vector<float> f32_, row_scales_, scales_;
  std::vector<std::uint32_t> words_;
  std::vector<std::int32_t> offsets_;
};

}  // namespace nibble::device::cpu
