// The panels' codes and scales in NEON registers of four rows: words of a pair of bf16, or of a quad of signed bytes,
// that the dot products take from every lane. Every narrow code is exact in either.
#pragma once

#include <arm_neon.h>

#include "device/cpu/f32x4.h"
#include "device/cpu/panel.h"

namespace nibble::device::cpu {
namespace {

constexpr bool is_scaled(Storage storage) { return storage == Storage::kNVFP4 || storage == Storage::kInt4; }

// Four of the 16 rows, `rows` 0 to 3, of a word.
uint8x16_t load_word(const std::byte* codes, int word, int rows) {
  return vld1q_u8(reinterpret_cast<const std::uint8_t*>(codes) + (word * 4 + rows) * 16);
}

// The 4-bit codes of columns 4 * quad .. 4 * quad + 3, a byte each.
uint8x16_t load_nibbles(const std::byte* codes, int quad, int rows) {
  const uint8x16_t both = load_word(codes, quad / 2, rows);
  return quad % 2 == 1 ? vshrq_n_u8(both, 4) : vandq_u8(both, vdupq_n_u8(15));
}

// The lower and the upper bytes of 16 bf16.
struct Bf16Bytes {
  uint8x16_t low, high;
};

template <Storage kStorage>
Bf16Bytes bf16_of_nibbles(uint8x16_t codes) {
  constexpr std::uint8_t kTables[2][2][16] = {
      {{0x00, 0x00, 0x80, 0xc0, 0x00, 0x40, 0x80, 0xc0, 0x00, 0x00, 0x80, 0xc0, 0x00, 0x40, 0x80, 0xc0},
       {0x00, 0x3f, 0x3f, 0x3f, 0x40, 0x40, 0x40, 0x40, 0x80, 0xbf, 0xbf, 0xbf, 0xc0, 0xc0, 0xc0, 0xc0}},
      {{0x00, 0x80, 0x00, 0x40, 0x80, 0xa0, 0xc0, 0xe0, 0x00, 0xe0, 0xc0, 0xa0, 0x80, 0x40, 0x00, 0x80},
       {0x00, 0x3f, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0xc1, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xbf}}};
  const auto& table = kTables[kStorage == Storage::kInt4];
  return {vqtbl1q_u8(vld1q_u8(table[0]), codes), vqtbl1q_u8(vld1q_u8(table[1]), codes)};
}

// e4m3's exponent and mantissa moved to bf16's, with the difference of the biases: but for denormals, which are looked
// up (0 to 7 times 2^-9, and the eight normal numbers behind them).
Bf16Bytes bf16_of_e4m3(uint8x16_t codes) {
  constexpr std::uint8_t kLow[16] = {0x00, 0x00, 0x80, 0xc0, 0x00, 0x20, 0x40, 0x60,
                                     0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0};
  constexpr std::uint8_t kHigh[16] = {0x00, 0x3b, 0x3b, 0x3b, 0x3c, 0x3c, 0x3c, 0x3c,
                                      0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c};
  const uint8x16_t magnitudes = vandq_u8(codes, vdupq_n_u8(0x7f));
  const uint8x16_t low = vqtbx1q_u8(vshlq_n_u8(codes, 4), vld1q_u8(kLow), magnitudes);
  const uint8x16_t high = vaddq_u8(vshrq_n_u8(magnitudes, 4), vdupq_n_u8((127 - 7) / 2));
  return {low, vbslq_u8(vdupq_n_u8(0x80), codes, vqtbx1q_u8(high, vld1q_u8(kHigh), magnitudes))};
}

// Columns 4 * quad .. 4 * quad + 3 of four rows as two words of pairs of bf16, without the block scale.
template <Storage kStorage>
void decode_pairs(const std::byte* codes, int quad, int rows, uint8x16_t (&words)[2]) {
  if constexpr (kStorage == Storage::kBF16) {
    for (int i = 0; i < 2; ++i) words[i] = load_word(codes, quad * 2 + i, rows);
  } else {
    Bf16Bytes bytes;
    if constexpr (kStorage == Storage::kFP8) {
      bytes = bf16_of_e4m3(load_word(codes, quad, rows));
    } else {
      bytes = bf16_of_nibbles<kStorage>(load_nibbles(codes, quad, rows));
    }
    words[0] = vtrn1q_u8(bytes.low, bytes.high);
    words[1] = vtrn2q_u8(bytes.low, bytes.high);
  }
}

// Columns 8 * word .. 8 * word + 7 of four rows of 4-bit codes as two words of quads of bytes; e2m1 doubled is an
// integer.
template <Storage kStorage>
void decode_quads(const std::byte* codes, int word, int rows, uint8x16_t (&words)[2]) {
  constexpr std::int8_t kTables[2][16] = {{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12},
                                          {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1}};
  const int8x16_t table = vld1q_s8(kTables[kStorage == Storage::kInt4]);
  for (int i = 0; i < 2; ++i)
    words[i] = vreinterpretq_u8_s8(vqtbl1q_s8(table, load_nibbles(codes, word * 2 + i, rows)));
}

// The scales of the 16 rows of a block.
template <Storage kStorage>
void decode_scales(const std::byte* scales, float32x4_t (&out)[4]) {
  if constexpr (kStorage == Storage::kNVFP4) {
    for (int v = 0; v < 4; ++v) out[v] = F32x4::load(reinterpret_cast<const E4m3*>(scales) + 4 * v);
  } else {
    for (int v = 0; v < 4; ++v) out[v] = F32x4::load(reinterpret_cast<const std::uint16_t*>(scales) + 4 * v);
  }
}

}  // namespace
}  // namespace nibble::device::cpu
