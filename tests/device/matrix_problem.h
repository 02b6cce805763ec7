// A random checkpoint matrix of any storage with its values decoded here, not by the code under test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "device/cpu/kernels.h"
#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"

namespace nibble::device::cpu {

inline constexpr Storage kStorages[] = {Storage::kF32, Storage::kBF16, Storage::kFP8, Storage::kNVFP4, Storage::kInt4};

// A storage, and whether its products are of integers.
struct Product {
  Storage storage;
  bool integers;
};
inline constexpr Product kProducts[] = {{Storage::kF32, false},   {Storage::kBF16, false}, {Storage::kFP8, false},
                                        {Storage::kNVFP4, false}, {Storage::kInt4, false}, {Storage::kNVFP4, true},
                                        {Storage::kInt4, true}};
inline std::string name_of(const Product& product) {
  return std::string(name_of(product.storage)) + (product.integers ? " x int8" : "");
}

// kExact: small integers (halves for NVFP4) and scales that are powers of two, so that f32 sums of products
// with small integers do not round, in whatever order.
enum class Values { kExact, kRandom };

struct MatrixProblem {
  MatrixSource source;  // reads codes and scales below: keep this object in place
  std::vector<std::byte> codes, scales;
  std::vector<double> values;  // [rows, cols], block scale included, row factor not
  std::vector<float> factors;  // [rows]

  MatrixProblem(Storage storage, int rows, int cols, Values kind, unsigned seed);
  MatrixProblem(const MatrixProblem&) = delete;
  MatrixProblem& operator=(const MatrixProblem&) = delete;

  double value(int row, int col) const {
    return values[std::size_t(row) * std::size_t(source.cols) + std::size_t(col)];
  }
};

template <typename T>
void append(std::vector<std::byte>& to, T value) {
  to.resize(to.size() + sizeof(T));
  std::memcpy(to.data() + to.size() - sizeof(T), &value, sizeof(T));
}

inline MatrixProblem::MatrixProblem(Storage storage, int rows, int cols, Values kind, unsigned seed) {
  std::mt19937 random(seed);
  const bool exact = kind == Values::kExact;
  const auto below = [&](unsigned n) { return random() % n; };
  std::normal_distribution<float> normal;
  source = {.name = "matrix", .storage = storage, .rows = rows, .cols = cols};
  source.group = cols % 32 == 0 ? 32 : 16;
  source.global_scale = exact ? 4.0f : 1234.5f;
  source.scale_count = rows;
  if (storage == Storage::kFP8 && seed % 2 == 1) source.scale_count = 1;  // one scale for the matrix

  const auto fp8_scale = [&] {
    return format::f32_to_bf16(exact ? std::ldexp(1.0f, int(below(5)) - 2) : 0.01f + float(below(1000)) / 7000);
  };
  std::uint16_t scale_of_all = 0;
  if (storage == Storage::kFP8 && source.scale_count == 1) append(scales, scale_of_all = fp8_scale());
  for (int r = 0; r < rows; ++r) {
    float factor = 1.0f, group_scale = 0;
    if (storage == Storage::kNVFP4) factor = 1.0f / source.global_scale;
    if (storage == Storage::kFP8) {
      std::uint16_t scale = scale_of_all;
      if (source.scale_count != 1) append(scales, scale = fp8_scale());
      factor = format::bf16_to_f32(scale);
    }
    factors.push_back(factor);
    unsigned packed = 0;
    for (int c = 0; c < cols; ++c) {
      double value = 0;
      switch (storage) {
        case Storage::kF32:
        case Storage::kBF16: {
          float f = exact ? float(below(17)) - 8 : normal(random);
          if (storage == Storage::kBF16) f = format::round_to_bf16(f);
          if (storage == Storage::kF32) append(codes, f);
          if (storage == Storage::kBF16) append(codes, format::f32_to_bf16(f));
          value = double(f);
          break;
        }
        case Storage::kFP8: {
          auto code = std::uint8_t(below(256));
          if ((code & 0x7f) == 0x7f) code ^= 1;  // not NaN
          if (exact) code = format::f32_to_e4m3(float(below(17)) - 8);
          append(codes, code);
          value = double(format::kE4m3[code]);
          break;
        }
        case Storage::kNVFP4: {
          if (c % 16 == 0) {
            auto code = std::uint8_t(below(0x7f));
            if (exact) code = format::f32_to_e4m3(below(2) == 0 ? 1.0f : 2.0f);
            append(scales, code);
            group_scale = format::kE4m3[code];
          }
          const unsigned code = below(16);
          packed |= code << (c % 2 * 4);
          if (c % 2 == 1) {
            append(codes, std::uint8_t(packed));
            packed = 0;
          }
          value = double(format::kE2m1[code]) * double(group_scale);
          break;
        }
        case Storage::kInt4: {
          if (c % source.group == 0) {
            const std::uint16_t scale =
                format::f32_to_bf16(exact ? std::ldexp(1.0f, int(below(3)) - 1) : 0.01f + float(below(1000)) / 999);
            append(scales, scale);
            group_scale = format::bf16_to_f32(scale);
          }
          const unsigned code = below(16);
          packed |= code << (c % 8 * 4);
          if (c % 8 == 7) {
            append(codes, std::uint32_t(packed));
            packed = 0;
          }
          value = (double(code) - 8) * double(group_scale);
          break;
        }
      }
      values.push_back(value);
    }
  }
  const auto reader = [](const std::vector<std::byte>& bytes) {
    return [&bytes](std::uint64_t offset, std::span<std::byte> out) {
      ASSERT_LE(offset + out.size(), bytes.size());
      std::copy_n(bytes.begin() + std::ptrdiff_t(offset), out.size(), out.begin());
    };
  };
  source.codes = reader(codes);
  source.scales = reader(scales);
}

// Columns that a storage can have: 4-bit storages come in whole groups.
inline bool has_cols(Storage storage, int cols) {
  return cols % 16 == 0 || (storage != Storage::kNVFP4 && storage != Storage::kInt4);
}

// Activations [n_tokens, cols] as the device would round them for `w`.
struct Input {
  std::vector<float> values;
  OperandBuffer buffer;
  Operand operand;

  Input(int n_tokens, const PanelMatrix& w, Values kind, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (int i = 0; i < n_tokens * w.cols; ++i)
      values.push_back(kind == Values::kExact ? float(random() % 17) - 8 : normal(random));
    if (kind == Values::kExact && w.integer_products)  // the largest of every block: its scale is 1
      for (int t = 0; t < n_tokens; ++t)
        for (int c = 0; c < w.cols; c += kBlockCols) values[std::size_t(t * w.cols + c)] = 127;
    fill(w, 0, n_tokens);
  }
  // The tokens [first, first + n) alone.
  void fill(const PanelMatrix& w, int first, int n) {
    operand = buffer.fill({values.data() + std::ptrdiff_t(first) * w.cols, n, w.cols, w.cols}, w, Activations::kBF16,
                          [&](const auto& task) {
                            for (int r = 0; r < n; ++r) task(r);
                          });
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // What the code of a column stands for.
  double value(int token, int col) const {
    const double code = double(operand.f32[token * operand.stride() + col]);
    return operand.type == OperandType::kInt8 ? code * double(operand.scale(token, col / kBlockCols)) : code;
  }
};

}  // namespace nibble::device::cpu
