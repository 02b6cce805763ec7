#include "device/cpu/kv.h"

#include <algorithm>

#include "format/bf16.h"
#include "format/e4m3.h"

namespace nibble::device::cpu {

const char* name_of(KvType type) {
  switch (type) {
    case KvType::kF32: return "f32";
    case KvType::kBF16: return "bf16";
    case KvType::kFP8: return "fp8";
  }
  return "";
}

std::size_t size_of(KvType type) {
  switch (type) {
    case KvType::kF32: return 4;
    case KvType::kBF16: return 2;
    case KvType::kFP8: return 1;
  }
  return 0;
}

CpuKv make_kv(KvType type, int n_slots, int n_kv_heads, int head_dim) {
  CpuKv cache;
  cache.type = type;
  cache.n_slots = n_slots;
  cache.n_kv_heads = n_kv_heads;
  cache.head_dim = head_dim;
  const std::size_t bytes = std::size_t(n_slots) * std::size_t(n_kv_heads) * std::size_t(head_dim) * size_of(type);
  cache.keys = Memory(bytes);
  cache.values = Memory(bytes);
  cache.bytes = 2 * bytes;
  return cache;
}

void store(const float* from, std::size_t n, KvType type, Memory& memory, std::size_t at) {
  switch (type) {
    case KvType::kF32: std::copy_n(from, n, memory.as<float>() + at); break;
    case KvType::kBF16:
      for (std::size_t i = 0; i < n; ++i) memory.as<std::uint16_t>()[at + i] = format::f32_to_bf16(from[i]);
      break;
    case KvType::kFP8:
      for (std::size_t i = 0; i < n; ++i) memory.as<E4m3>()[at + i] = {format::f32_to_e4m3(from[i])};
      break;
  }
}

float element(const Memory& memory, KvType type, std::size_t index) {
  switch (type) {
    case KvType::kF32: return memory.as<float>()[index];
    case KvType::kBF16: return format::bf16_to_f32(memory.as<std::uint16_t>()[index]);
    case KvType::kFP8: return format::e4m3_to_f32(memory.as<E4m3>()[index].code);
  }
  return 0;
}

}  // namespace nibble::device::cpu
