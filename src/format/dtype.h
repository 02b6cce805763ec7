// Element types of safetensors files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nibble::format {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64
};

int bytes_of(DType dtype);
std::string_view name_of(DType dtype);  // as in a header: "BF16", "F8_E4M3"
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace nibble::format
