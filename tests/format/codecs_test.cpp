// The number codecs, exhaustively: every code, every boundary between two codes, against torch and against
// arithmetic.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "format/bf16.h"
#include "format/e2m1.h"
#include "format/e4m3.h"
#include "format/nvfp4.h"
#include "support/goldens.h"

namespace nibble::format {
namespace {

using testing::GoldenFile;

GoldenFile golden() { return GoldenFile(testing::own_goldens() / "codecs.safetensors"); }

TEST(E4m3, EveryCodeIsTorchs) {
  const auto values = golden().floats("e4m3.values");
  ASSERT_EQ(values.size(), 256u);
  for (int code = 0; code < 256; ++code) {
    const float ours = e4m3_to_f32(std::uint8_t(code)), theirs = values[std::size_t(code)];
    if (std::isnan(theirs)) {
      EXPECT_TRUE(std::isnan(ours)) << code;
    } else {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(ours), std::bit_cast<std::uint32_t>(theirs)) << code;
    }
  }
}

TEST(E4m3, EveryBoundaryRoundsAsTorch) {
  const auto x = golden().floats("e4m3.x");
  const auto codes = golden().raw<std::uint8_t>("e4m3.codes");
  ASSERT_EQ(x.size(), codes.size());
  ASSERT_GT(x.size(), 1500u);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(int(f32_to_e4m3(x[i])), int(codes[i])) << x[i];
}

TEST(E4m3, EveryCodeSurvives) {
  for (int code = 0; code < 256; ++code) {
    if ((code & 0x7f) == 0x7f) continue;
    EXPECT_EQ(int(f32_to_e4m3(e4m3_to_f32(std::uint8_t(code)))), code);
  }
}

// Every f32 of a stride that no power of two divides, against the nearest value found by search.
TEST(E4m3, NearestOfAllValues) {
  for (std::uint64_t bits = 0; bits < 0x43e00000; bits += 4099) {
    const float x = std::bit_cast<float>(std::uint32_t(bits));
    int best = 0;
    for (int code = 0; code < 0x7f; ++code) {
      const double e = std::abs(double(kE4m3[std::size_t(code)]) - x),
                   least = std::abs(double(kE4m3[std::size_t(best)]) - x);
      if (e < least || (e == least && code % 2 == 0)) best = code;
    }
    if (f32_to_e4m3(x) != best) FAIL() << x << ": expected " << best << ", found " << int(f32_to_e4m3(x));
  }
}

TEST(E4m3, BeyondTheLargest) {
  for (const float x : {448.0f, 464.0f, 1e30f, INFINITY}) {
    EXPECT_EQ(f32_to_e4m3(x), 0x7e) << x;
    EXPECT_EQ(f32_to_e4m3(-x), 0xfe) << x;
  }
  EXPECT_EQ(f32_to_e4m3(NAN), 0x7f);
  EXPECT_EQ(f32_to_e4m3(std::copysign(NAN, -1.0f)), 0xff);
  EXPECT_EQ(f32_to_e4m3(-0.0f), 0x80);
}

TEST(E2m1, EveryCode) {
  const float values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (std::size_t code = 0; code < 16; ++code) {
    EXPECT_EQ(kE2m1[code], code < 8 ? values[code] : -values[code - 8]);
    EXPECT_EQ(std::signbit(kE2m1[code]), code >= 8);
    EXPECT_EQ(float(kE2m1Doubled[code]), 2 * kE2m1[code]);
    EXPECT_EQ(f32_to_e2m1(kE2m1[code]), code == 8 ? 0 : code);  // -0.0 comes out as 0
  }
}

TEST(E2m1, EveryBoundaryRoundsAsTheReference) {
  const auto x = golden().floats("e2m1.x");
  const auto codes = golden().raw<std::uint8_t>("e2m1.codes");
  ASSERT_EQ(x.size(), codes.size());
  ASSERT_GT(x.size(), 500u);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(int(f32_to_e2m1(x[i])), int(codes[i])) << x[i];
}

TEST(E2m1, BeyondTheLargestAndTheSignOfZero) {
  EXPECT_EQ(f32_to_e2m1(INFINITY), 7);
  EXPECT_EQ(f32_to_e2m1(-1e30f), 15);
  EXPECT_EQ(f32_to_e2m1(-0.0f), 0);
  EXPECT_EQ(f32_to_e2m1(-0.1f), 8);  // a negative that becomes zero keeps its sign
}

TEST(Bf16, All65536Codes) {
  for (std::uint32_t code = 0; code < 65536; ++code) {
    const float value = bf16_to_f32(std::uint16_t(code));
    if (std::bit_cast<std::uint32_t>(value) != code << 16) FAIL() << code;
    if (std::isnan(value)) {
      if (f32_to_bf16(value) != (code | 0x40)) FAIL() << code;
    } else if (f32_to_bf16(value) != code) {
      FAIL() << code;
    }
  }
}

// Between a code and the next one away from zero: below the middle, at it (the even one), above it.
TEST(Bf16, EveryMidpoint) {
  for (std::uint32_t code = 0; code < 65536; ++code) {
    if ((code & 0x7fff) >= 0x7f80) continue;  // infinite or NaN
    const auto rounded = [&](std::uint32_t low) { return f32_to_bf16(std::bit_cast<float>(code << 16 | low)); };
    if (rounded(0x7fff) != code || rounded(0x8000) != code + code % 2 || rounded(0x8001) != code + 1 ||
        rounded(0xffff) != code + 1)
      FAIL() << code;
  }
}

TEST(Bf16, RoundsAsTorch) {
  const auto x = golden().floats("bf16.x");
  const auto codes = golden().raw<std::uint16_t>("bf16.codes");
  ASSERT_EQ(x.size(), codes.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(f32_to_bf16(x[i]), codes[i]) << std::bit_cast<std::uint32_t>(x[i]);
}

// Two int4 words of eight columns each decode to the matrix that was packed: lowest column in the lowest
// nibble, plus 8.
TEST(Int4, PackedWords) {
  const GoldenFile file = golden();
  const auto codes = file.raw<std::int8_t>("int4.codes"), unpacked = file.raw<std::int8_t>("int4.unpacked");
  const auto words = file.raw<std::uint32_t>("int4.packed");
  ASSERT_EQ(words.size() * 8, codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_EQ(int(words[i / 8] >> (i % 8 * 4) & 15) - 8, int(codes[i]));
    EXPECT_EQ(codes[i], unpacked[i]);
  }
}

// What a reader makes of stored tensors, against the reference's own dequantization: bit for bit.
TEST(Nvfp4, StoredTensorsDecodeAsTheReference) {
  const fs::path path = testing::shared_goldens() / "model" / "quant" / "goldens.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared goldens here";
  const GoldenFile file(path);
  int n_weights = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    const std::string suffix = ".weight_packed";
    if (!tensor.name.starts_with("NVFP4") || !tensor.name.ends_with(suffix)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - suffix.size());
    if (!file.has(name + ".dequantized_bf16")) continue;
    const auto packed = file.raw<std::uint8_t>(tensor.name), scales = file.raw<std::uint8_t>(name + ".weight_scale");
    const float global_scale = file.floats(name + ".weight_global_scale")[0];
    const auto expected = file.raw<std::uint16_t>(name + ".dequantized_bf16");
    ASSERT_EQ(packed.size() * 2, expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const int code = packed[i / 2] >> (i % 2 * 4) & 15;
      const float value = kE2m1[std::size_t(code)] * nvfp4_step(scales[i / kNvfp4Block], global_scale);
      ASSERT_EQ(f32_to_bf16(value), expected[i]) << name << " at " << i;
    }
    ++n_weights;
  }
  EXPECT_GT(n_weights, 10);
}

TEST(Fp8, StoredTensorsDecodeAsTheReference) {
  const fs::path path = testing::shared_goldens() / "model" / "quant" / "goldens.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared goldens here";
  const GoldenFile file(path);
  int n_weights = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    const std::string suffix = ".weight";
    if (!tensor.name.starts_with("FP8") || !tensor.name.ends_with(suffix) || tensor.dtype != DType::kF8E4M3) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - suffix.size());
    if (!file.has(name + ".dequantized_bf16")) continue;
    const auto codes = file.raw<std::uint8_t>(tensor.name);
    const auto scales = file.floats(name + ".weight_scale");
    const auto expected = file.raw<std::uint16_t>(name + ".dequantized_bf16");
    const std::size_t columns = std::size_t(tensor.shape[1]);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float value = e4m3_to_f32(codes[i]) * scales[scales.size() == 1 ? 0 : i / columns];
      ASSERT_EQ(f32_to_bf16(value), expected[i]) << name << " at " << i;
    }
    ++n_weights;
  }
  EXPECT_GT(n_weights, 10);
}

}  // namespace
}  // namespace nibble::format
