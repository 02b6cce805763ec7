#include "device/cpu/operand.h"

#include <algorithm>
#include <bit>

#include "device/cpu/quantize_input.h"
#include "format/bf16.h"

namespace nibble::device::cpu {
namespace {

// Where a token's part of a tile begins: the tile's first entry plus the token's place in it, `width` entries a token.
std::ptrdiff_t start_in_tiles(int token, std::ptrdiff_t width) {
  const int place = token % kTileTokens;
  return std::ptrdiff_t(token - place) * width + place;
}

int tokens_of_tile(int token, int n_tokens) {
  return std::min(kTileTokens, n_tokens - token / kTileTokens * kTileTokens);
}

template <typename T>
void grow(std::vector<T>& memory, std::size_t n) {
  if (memory.size() < n) memory.resize(n);
}

std::uint32_t byte_of(float code) { return std::uint8_t(std::int8_t(code)); }

}  // namespace

int zero_point(Storage storage) { return storage == Storage::kNVFP4 ? 12 : 8; }

float Operand::scale(int token, int block) const {
  return scales[start_in_tiles(token, n_blocks) + std::ptrdiff_t(block) * tokens_of_tile(token, n_tokens)];
}

OperandTile tile_of(const Operand& x, int first_token) {
  OperandTile tile;
  tile.first = first_token;
  tile.n = tokens_of_tile(first_token, x.n_tokens);
  const std::ptrdiff_t begin = std::ptrdiff_t(first_token) * x.n_blocks;
  tile.words = x.words + begin * x.words_of_a_block();
  if (x.type == OperandType::kInt8) {
    tile.scales = x.scales + begin;
    tile.offsets = x.offsets + begin;
  }
  return tile;
}

Operand tile_alone(const Operand& x, int first_token) {
  const OperandTile tile = tile_of(x, first_token);
  Operand alone = x;
  alone.n_tokens = tile.n;
  alone.f32 = x.f32 + first_token * x.stride();
  alone.words = tile.words;
  alone.scales = tile.scales;
  alone.offsets = tile.offsets;
  return alone;
}

Operand OperandBuffer::fill(Array x, const PanelMatrix& w, Activations activations, ForRows for_rows) {
  Operand operand;
  operand.n_tokens = x.rows;
  operand.n_blocks = w.n_blocks;
  if (activations != Activations::kF32) operand.type = w.integer_products ? OperandType::kInt8 : OperandType::kBF16;
  const bool int8 = operand.type == OperandType::kInt8;
  const std::ptrdiff_t stride = operand.stride();
  const std::size_t n_blocks = std::size_t(x.rows) * std::size_t(w.n_blocks);
  grow(f32_, n_blocks * kBlockCols);
  if (operand.type != OperandType::kF32) grow(words_, n_blocks * std::size_t(operand.words_of_a_block()));
  if (int8) {
    grow(row_scales_, n_blocks);
    grow(scales_, n_blocks);
    grow(offsets_, n_blocks);
  }
  for_rows([&](int r) {
    float* row = f32_.data() + r * stride;
    std::copy_n(x.row(r), x.cols, row);
    std::fill(row + x.cols, row + stride, 0.0f);
    if (int8) {
      float* scales = row_scales_.data() + std::ptrdiff_t(r) * w.n_blocks;
      if (w.input == InputQuantization::kNVFP4) {
        quantize_nvfp4_to_integers(row, w.n_blocks, w.input_global_scale, scales);
      } else {
        quantize_int8(row, w.n_blocks, scales);
      }
      if (w.storage == Storage::kNVFP4)
        for (int b = 0; b < w.n_blocks; ++b) scales[b] *= 0.5f;  // the weights' codes are doubled
      return pack_int8(r, x.rows, w.n_blocks, zero_point(w.storage));
    }
    const bool bf16 = operand.type == OperandType::kBF16;
    if (bf16)
      for (int i = 0; i < x.cols; ++i) row[i] = format::round_to_bf16(row[i]);
    if (w.input == InputQuantization::kFP8PerToken) quantize_fp8_per_token(row, x.cols, bf16);
    if (w.input == InputQuantization::kNVFP4) quantize_nvfp4(row, x.cols, w.input_global_scale, bf16);
    if (bf16) pack_bf16(r, x.rows, w.n_blocks);
  });
  operand.f32 = f32_.data();
  operand.words = words_.data();
  operand.scales = scales_.data();
  operand.offsets = offsets_.data();
  return operand;
}

void OperandBuffer::pack_bf16(int token, int n_tokens, int n_blocks) {
  const int n_words = n_blocks * kBlockCols / 2, step = tokens_of_tile(token, n_tokens);
  const float* row = f32_.data() + std::ptrdiff_t(token) * n_blocks * kBlockCols;
  std::uint32_t* to = words_.data() + start_in_tiles(token, n_words);
  for (int w = 0; w < n_words; ++w)
    to[std::ptrdiff_t(w) * step] =
        std::bit_cast<std::uint32_t>(row[2 * w]) >> 16 | (std::bit_cast<std::uint32_t>(row[2 * w + 1]) & 0xffff0000);
}

void OperandBuffer::pack_int8(int token, int n_tokens, int n_blocks, int zero_point) {
  const int n_words = n_blocks * kBlockCols / 4, step = tokens_of_tile(token, n_tokens);
  const float* row = f32_.data() + std::ptrdiff_t(token) * n_blocks * kBlockCols;
  std::uint32_t* to = words_.data() + start_in_tiles(token, n_words);
  for (int w = 0; w < n_words; ++w, row += 4)
    to[std::ptrdiff_t(w) * step] =
        byte_of(row[0]) | byte_of(row[2]) << 8 | byte_of(row[1]) << 16 | byte_of(row[3]) << 24;
  row -= std::ptrdiff_t(n_words) * 4;
  const float* row_scales = row_scales_.data() + std::ptrdiff_t(token) * n_blocks;
  const std::ptrdiff_t start = start_in_tiles(token, n_blocks);
  for (int b = 0; b < n_blocks; ++b, row += kBlockCols) {
    float sum = 0;
    for (int i = 0; i < kBlockCols; ++i) sum += row[i];
    scales_[std::size_t(start + std::ptrdiff_t(b) * step)] = row_scales[b];
    offsets_[std::size_t(start + std::ptrdiff_t(b) * step)] = -zero_point * int(sum);
  }
}

}  // namespace nibble::device::cpu
