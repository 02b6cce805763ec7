// The reference kernels: plain loops that say what every other instruction set must compute.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "device/cpu/kernels.h"
#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"

namespace nibble::device::cpu {
namespace {

using Block = float[kBlockCols][kPanelRows];  // [k][row]

template <typename T>
T load(const std::byte* from, std::size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}

// The 4-bit code of column k: panel.h's order of a word's digits, by column.
int nibble_of(const std::byte* codes, int k, int row) {
  constexpr std::array<int, 8> kDigit = {0, 4, 2, 6, 1, 5, 3, 7};
  const auto word = load<std::uint32_t>(codes, std::size_t(k / 8 * kPanelRows + row));
  return int(word >> (4 * kDigit[std::size_t(k % 8)])) & 15;
}

std::uint8_t byte_of(const std::byte* codes, int k, int row) {
  constexpr std::array<int, 4> kDigit = {0, 2, 1, 3};
  return load<std::uint8_t>(codes, std::size_t((k / 4 * kPanelRows + row) * 4 + kDigit[std::size_t(k % 4)]));
}

void decode(Storage storage, const std::byte* codes, const std::byte* scales, Block& w) {
  for (int k = 0; k < kBlockCols; ++k) {
    for (int r = 0; r < kPanelRows; ++r) {
      switch (storage) {
        case Storage::kF32: w[k][r] = load<float>(codes, std::size_t(k * kPanelRows + r)); break;
        case Storage::kBF16:
          w[k][r] = format::bf16_to_f32(load<std::uint16_t>(codes, std::size_t((k / 2 * kPanelRows + r) * 2 + k % 2)));
          break;
        case Storage::kFP8: w[k][r] = format::e4m3_to_f32(byte_of(codes, k, r)); break;
        case Storage::kNVFP4:
          w[k][r] = format::kE2m1[std::size_t(nibble_of(codes, k, r))] *
                    format::e4m3_to_f32(load<std::uint8_t>(scales, std::size_t(r)));
          break;
        case Storage::kInt4:
          w[k][r] = float((nibble_of(codes, k, r) ^ 8) - 8) *
                    format::bf16_to_f32(load<std::uint16_t>(scales, std::size_t(r)));
          break;
      }
    }
  }
}

// The integer of a 4-bit code: e2m1's value doubled.
int integer_of(Storage storage, int code) {
  return storage == Storage::kNVFP4 ? int(2 * format::kE2m1[std::size_t(code)]) : (code ^ 8) - 8;
}

float block_scale(Storage storage, const std::byte* scales, int row) {
  if (storage == Storage::kNVFP4) return format::e4m3_to_f32(load<std::uint8_t>(scales, std::size_t(row)));
  return format::bf16_to_f32(load<std::uint16_t>(scales, std::size_t(row)));
}

void integer_products(const PanelMatrix& w, const Operand& x, int panel, int token, Array out) {
  float sums[kPanelRows] = {};
  for (int b = 0; b < w.n_blocks; ++b) {
    const std::byte* codes = w.codes(panel) + std::size_t(b) * w.block_code_bytes;
    const std::byte* scales = w.scales(panel) + std::size_t(b) * w.block_scale_bytes;
    const float* input = x.f32 + token * x.stride() + b * kBlockCols;
    for (int r = 0; r < kPanelRows; ++r) {
      int sum = 0;
      for (int k = 0; k < kBlockCols; ++k) sum += integer_of(w.storage, nibble_of(codes, k, r)) * int(input[k]);
      sums[r] += float(sum) * (block_scale(w.storage, scales, r) * x.scale(token, b));
    }
  }
  for (int row = panel * kPanelRows, r = 0; r < kPanelRows && row < w.rows; ++r, ++row)
    out.row(token)[row] = sums[r] * w.row_factor[row];
}

// For up to kTokens tokens: the scratch of a call is bounded, and a block is decoded once for all of them.
constexpr int kTokens = 32;

void matmul_tile(const PanelMatrix& w, const Operand& x, int panel, int first_token, int n_tokens, Array out) {
  Block block;
  float sums[kTokens][kPanelRows] = {};
  for (int b = 0; b < w.n_blocks; ++b) {
    decode(w.storage, w.codes(panel) + std::size_t(b) * w.block_code_bytes,
           w.scales(panel) + std::size_t(b) * w.block_scale_bytes, block);
    for (int t = 0; t < n_tokens; ++t) {
      const float* activation = x.f32 + (first_token + t) * x.stride() + b * kBlockCols;
      for (int k = 0; k < kBlockCols; ++k)
        for (int r = 0; r < kPanelRows; ++r) sums[t][r] += activation[k] * block[k][r];
    }
  }
  const int rows = std::min(kPanelRows, w.rows - panel * kPanelRows);
  for (int t = 0; t < n_tokens; ++t) {
    for (int r = 0; r < rows; ++r) {
      const int row = panel * kPanelRows + r;
      out.row(first_token + t)[row] = sums[t][r] * w.row_factor[row];
    }
  }
}

void matmul(const PanelMatrix& w, const Operand& x, int panel_begin, int panel_end, Array out) {
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    if (x.type == OperandType::kInt8) {
      for (int t = 0; t < x.n_tokens; ++t) integer_products(w, x, panel, t, out);
    } else {
      for (int t = 0; t < x.n_tokens; t += kTokens) matmul_tile(w, x, panel, t, std::min(kTokens, x.n_tokens - t), out);
    }
  }
}

void screen(const Screen& screen, const ScreenInput& x, int panel_begin, int panel_end, Array scores) {
  for (int row = panel_begin * kPanelRows; row < panel_end * kPanelRows; ++row) {
    const std::byte* codes = screen.panel(row / kPanelRows);
    for (int t = 0; t < x.n_tokens; ++t) {
      std::int32_t high = x.high_start[std::size_t(t)], low = x.low_start[std::size_t(t)];
      for (int q = 0; q < screen.n_quads; ++q) {
        const std::size_t at = std::size_t(q * x.n_tokens + t);
        for (int i = 0; i < 4; ++i) {
          const int code = load<std::uint8_t>(codes, std::size_t((q * kPanelRows + row % kPanelRows) * 4 + i));
          high += code * std::int8_t(x.high[at] >> (8 * i));
          low += code * std::int8_t(x.low[at] >> (8 * i));
        }
      }
      const float factor = screen.scales.as<float>()[row] * x.tokens[std::size_t(t)].step;
      scores.row(t)[row] = (float(high) * 128.0f + float(low)) * factor;
    }
  }
}

void attention(const AttentionTask& task) {
  const CpuKv& cache = *task.cache;
  const int head_dim = cache.head_dim;
  const int n_positions = task.row.last - task.row.first + 1;
  const auto start_of = [&](int position) {
    return (std::size_t(task.row.slot(position)) * std::size_t(cache.n_kv_heads) + std::size_t(task.kv_head)) *
           std::size_t(head_dim);
  };
  for (int h = 0; h < task.n_queries; ++h) {
    const float* q = task.q + h * head_dim;
    float* scores = task.scores + std::ptrdiff_t(h) * n_positions;
    float* out = task.out + h * head_dim;
    float largest = -INFINITY;
    for (int i = 0; i < n_positions; ++i) {
      const std::size_t key = start_of(task.row.first + i);
      float sum = 0;
      for (int d = 0; d < head_dim; ++d) sum += q[d] * element(cache.keys, cache.type, key + std::size_t(d));
      scores[i] = sum;
      largest = std::max(largest, sum);
    }
    float total = 0;
    for (int i = 0; i < n_positions; ++i) total += scores[i] = std::exp(scores[i] - largest);
    task.largest[h] = largest;
    task.totals[h] = total;
    std::fill(out, out + head_dim, 0.0f);
    for (int i = 0; i < n_positions; ++i) {
      const std::size_t value = start_of(task.row.first + i);
      const float weight = scores[i] / total;
      for (int d = 0; d < head_dim; ++d) out[d] += weight * element(cache.values, cache.type, value + std::size_t(d));
    }
  }
}

void gelu_multiply(const float* gate, const float* up, float* out, int n) {
  constexpr float kSqrt2OverPi = 0.79788456080286536f;
  for (int i = 0; i < n; ++i) {
    const float g = gate[i];
    out[i] = 0.5f * g * (1.0f + std::tanh(kSqrt2OverPi * (g + 0.044715f * g * g * g))) * up[i];
  }
}

void softcap(float* x, float cap, int n) {
  for (int i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

float sum_of_squares(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

}  // namespace

constexpr Kernels kScalar = {
    .name = "scalar",
    .runs_here = [] { return true; },
    .matmul = matmul,
    .screen = screen,
    .attention = attention,
    .gelu_multiply = gelu_multiply,
    .softcap = softcap,
    .sum_of_squares = sum_of_squares,
    .multiply_floats = nullptr,
    .multiply_bytes = nullptr,
};

}  // namespace nibble::device::cpu
