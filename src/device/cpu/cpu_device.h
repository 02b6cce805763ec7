// The CPU as a Device: repacked weights, one table of kernels, a team of threads.
#pragma once

#include <memory>

#include "device/device.h"

namespace nibble::device {

// How the few largest logits of a BF16 head are found. The screened heads give the exact one's tokens for fewer bytes.
enum class HeadKind {
  kExact,
  kScreened,   // by an int8 copy, provably
  kScreened4,  // by a 4-bit copy, but for a billionth of the tokens
};

struct CpuOptions {
  int n_threads = 0;  // 0: every CPU this process may use
  bool pin_threads = false;
  bool int8 = false;    // inputs of 4-bit matrices as int8 in blocks of 16
  bool kv_fp8 = false;  // keys and values as e4m3, as with vLLM's `--kv-cache-dtype fp8`
  HeadKind head = HeadKind::kExact;
  bool reference = false;  // scalar kernels, weights expanded and activations and KV in f32: the in-house oracle
};

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options);

}  // namespace nibble::device
