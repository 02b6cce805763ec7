// Keys and values as the CPU device keeps them, and the way they are stored.
#pragma once

#include <cstdint>

#include "device/cpu/memory.h"
#include "device/device.h"

namespace nibble::device::cpu {

enum class KvType : std::uint8_t {
  kF32,   // the reference device's
  kBF16,  // rounded to nearest even
  kFP8,   // e4m3 without a scale, as vLLM's `--kv-cache-dtype fp8`: beyond 448 saturated
};
const char* name_of(KvType type);
std::size_t size_of(KvType type);

// One e4m3 of a cache. A type of its own: a vector of them is loaded otherwise than bytes.
struct E4m3 {
  std::uint8_t code;
};

struct CpuKv final : KvBuffer {
  KvType type = KvType::kBF16;
  Memory keys, values;  // [n_slots, n_kv_heads, head_dim]
};

CpuKv make_kv(KvType type, int n_slots, int n_kv_heads, int head_dim);
void store(const float* from, std::size_t n, KvType type, Memory& memory, std::size_t at);
float element(const Memory& memory, KvType type, std::size_t index);

}  // namespace nibble::device::cpu
