#include "device/device.h"

namespace nibble::device {

std::string_view name_of(Activations activations) {
  switch (activations) {
    case Activations::kF32: return "f32";
    case Activations::kBF16: return "bf16";
    case Activations::kInt8: return "int8";
  }
  return "?";
}

std::string_view name_of(Storage storage) {
  switch (storage) {
    case Storage::kBF16: return "bf16";
    case Storage::kF32: return "f32";
    case Storage::kFP8: return "fp8";
    case Storage::kNVFP4: return "nvfp4";
    case Storage::kInt4: return "int4";
  }
  return "?";
}

}  // namespace nibble::device
