// FP8 weights as the FP8_DYNAMIC recipe stores them: e4m3 codes, one bf16 scale a row.
#pragma once

#include <cstdint>
#include <span>

namespace nibble::format {

// The bf16 scale of a row from its largest magnitude: bf16(largest / 448), never zero.
std::uint16_t fp8_scale(float largest_magnitude);
// e4m3(bf16(weight / step)); a weight of -0 is stored as 0x00, a negative one that rounds to zero as 0x80.
std::uint8_t fp8_code(float weight, float step);
// Quantizes a bf16 row and returns its bf16 scale.
std::uint16_t quantize_fp8_row(std::span<const std::uint16_t> row, std::span<std::uint8_t> codes);

}  // namespace nibble::format
