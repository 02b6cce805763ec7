// The panels' codes and scales in AVX-512 registers. Every narrow code is exact in bf16, and with its zero point in a byte.
#pragma once

#include <immintrin.h>

#include "device/cpu/f32x16.h"
#include "device/cpu/panel.h"

namespace nibble::device::cpu {
namespace {

constexpr bool is_scaled(Storage storage) { return storage == Storage::kNVFP4 || storage == Storage::kInt4; }

__m512i load_word(const std::byte* codes, int word) {
  return _mm512_loadu_si512(reinterpret_cast<const __m512i*>(codes) + word);
}

// bf16 of the 16 codes, twice: vpermw looks at five bits of a lane, of which the fifth belongs to the next
// code.
template <Storage kStorage>
__m512i bf16_of_nibbles() {
  constexpr short kTable[2][16] = {
      {0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0,  // 0 0.5 1 1.5 2 3 4 6
       short(0x8000), short(0xbf00), short(0xbf80), short(0xbfc0), short(0xc000), short(0xc040), short(0xc080),
       short(0xc0c0)},
      {0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0,  // 0 .. 7, then -8 .. -1
       short(0xc100), short(0xc0e0), short(0xc0c0), short(0xc0a0), short(0xc080), short(0xc040), short(0xc000),
       short(0xbf80)}};
  const short* table = kTable[kStorage == Storage::kInt4];
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(table)));
}

// The bytes of bf16(e4m3 code) for the 128 codes without a sign, in the order of the codes.
struct E4m3Bytes {
  alignas(64) unsigned char low[128], high[128];
};

constexpr E4m3Bytes make_e4m3_bytes() {
  E4m3Bytes bytes = {};
  for (int code = 0; code < 128; ++code) {
    int exponent = code >> 3, mantissa = code & 7;
    int bits = 0;  // zero
    if (exponent > 0 || mantissa > 0) {
      if (exponent == 0)
        exponent = 1;
      else
        mantissa += 8;
      for (; mantissa < 8; --exponent) mantissa *= 2;
      bits = (exponent - 7 + 127) << 7 | (mantissa - 8) << 4;
    }
    bytes.low[code] = static_cast<unsigned char>(bits & 0xff);
    bytes.high[code] = static_cast<unsigned char>(bits >> 8);
  }
  return bytes;
}
constexpr E4m3Bytes kE4m3Bytes = make_e4m3_bytes();

__m512i look_up_128(__m512i codes, const unsigned char* table) {
  return _mm512_permutex2var_epi8(_mm512_load_si512(table), codes, _mm512_load_si512(table + 64));
}

// Columns 4 * quad .. 4 * quad + 3 of the 16 rows of a block as two vectors of pairs, without the block
// scale.
template <Storage kStorage>
void decode_quad(const std::byte* codes, int quad, __m512i (&pairs)[2]) {
  if constexpr (kStorage == Storage::kBF16) {
    pairs[0] = load_word(codes, quad * 2);
    pairs[1] = load_word(codes, quad * 2 + 1);
  } else if constexpr (kStorage == Storage::kFP8) {
    const __m512i word = load_word(codes, quad);
    const __m512i sign = _mm512_and_si512(word, _mm512_set1_epi8(char(0x80)));
    const __m512i low = look_up_128(word, kE4m3Bytes.low);
    const __m512i high = _mm512_or_si512(look_up_128(word, kE4m3Bytes.high), sign);
    const __mmask64 upper_bytes = 0xaaaaaaaaaaaaaaaa;
    pairs[0] = _mm512_mask_blend_epi8(upper_bytes, low, _mm512_slli_epi16(high, 8));
    pairs[1] = _mm512_mask_blend_epi8(upper_bytes, _mm512_srli_epi16(low, 8), high);
  } else {
    __m512i word = load_word(codes, quad / 2);
    if (quad % 2 == 1) word = _mm512_srli_epi16(word, 4);
    const __m512i table = bf16_of_nibbles<kStorage>();
    pairs[0] = _mm512_permutexvar_epi16(word, table);
    pairs[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(word, 8), table);
  }
}

// The 16 scales of a block.
template <Storage kStorage>
__m512 decode_scales(const std::byte* scales) {
  if constexpr (kStorage == Storage::kNVFP4) return F32x16::load(reinterpret_cast<const E4m3*>(scales));
  return F32x16::load(reinterpret_cast<const std::uint16_t*>(scales));
}

// The code plus its zero point (operand.h) of the low four bits of every byte; vpermb looks at two more.
template <Storage kStorage>
__m512i bytes_of_nibbles() {
  const __m128i table = kStorage == Storage::kNVFP4
                            ? _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0)
                            : _mm_setr_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  return _mm512_broadcast_i32x4(table);
}

// Columns 8 * word .. 8 * word + 7 of the 16 rows of a block of 4-bit codes, as two vectors of quads.
template <Storage kStorage>
void decode_word(const std::byte* codes, int word, __m512i (&quads)[2]) {
  const __m512i both = load_word(codes, word), table = bytes_of_nibbles<kStorage>();
  quads[0] = _mm512_permutexvar_epi8(both, table);
  quads[1] = _mm512_permutexvar_epi8(_mm512_srli_epi16(both, 4), table);
}

}  // namespace
}  // namespace nibble::device::cpu
