// What an instruction set implements. The scalar table is the reference; every other agrees with it but for the order
// of its f32 sums. Kernels take ranges; threads belong to cpu_device.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "device/cpu/kv.h"
#include "device/cpu/operand.h"
#include "device/cpu/screen.h"
#include "device/device.h"

namespace nibble::device::cpu {

struct AttentionTask {
  const float* q = nullptr;  // [n_queries, head_dim]: the query heads that read this KV head
  int n_queries = 0;
  int kv_head = 0;
  const CpuKv* cache = nullptr;
  AttentionRow row;
  float* scores = nullptr;  // scratch [n_queries, last - first + 1]
  float* out = nullptr;     // [n_queries, head_dim]
  // [n_queries] each: the largest score, and the sum of e^(score - largest), with which parts of a row are put together
  float* largest = nullptr;
  float* totals = nullptr;
};

struct Kernels {
  const char* name;
  bool (*runs_here)();
  // out[:, panel_begin * 16 ...] = x W^T for those panels; columns at or beyond w.rows are not written.
  void (*matmul)(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out);
  // scores[:, panel_begin * 16 ...]: of the screen's rows, padding included; as many rows as tokens.
  void (*screen)(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores);
  void (*attention)(const AttentionTask& task);
  void (*gelu_multiply)(const float* gate, const float* up, float* out, int n);
  void (*softcap)(float* x, float cap, int n);  // x = cap * tanh(x / cap)
  float (*sum_of_squares)(const float* x, int n);
  // For walls.h: does the most multiplications that fit in registers, of floats (or pairs of bf16) and of bytes, and
  // returns the operations done. `keep`, 64 bytes, takes what keeps the compiler from dropping them. Or null.
  double (*multiply_floats)(void* keep);
  double (*multiply_bytes)(void* keep);
};

std::span<const Kernels* const> all_kernels();  // best first; scalar last
// The first that runs here, or the one CPU_KERNELS names: Error if that is unknown or does not run here.
const Kernels& select_kernels();

// What this CPU and its operating system run. Asked from a file compiled for any CPU, before calls into others.
bool has_avx2();    // with FMA, F16C
bool has_avx512();  // F, BW, DQ, VL, VBMI, VNNI, BF16, and AVX2's
bool has_neon();    // with dotprod, i8mm, BF16

// Those of other processors are not linked: x86.cpp and arm64.cpp name the ones that are.
extern const Kernels kScalar;
extern const Kernels kAvx2;
extern const Kernels kAvx512;
extern const Kernels kNeon;

}  // namespace nibble::device::cpu
