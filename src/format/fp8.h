// FP8 weights as the FP8_DYNAMIC recipe stores them: e4m3 codes, one bf16 scale a row.
#pragma once

#include <cstdint>
#include <span>

namespace nibble::format {

// Quantizes a bf16 row: scale = bf16(absmax / 448), code = e4m3(bf16(w / scale)); a negative zero becomes 0x00.
// Returns the bf16 scale.
std::uint16_t quantize_fp8_row(std::span<const std::uint16_t> row, std::span<std::uint8_t> codes);

}  // namespace nibble::format
