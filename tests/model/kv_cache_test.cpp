#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <regex>

#include "device/cpu/cpu_device.h"
#include "support/config_json.h"
#include "support/error_text.h"

namespace nibble::model {
namespace {

// A cache that no machine holds is refused in a line with a length that this one does hold.
TEST(KvCache, BeyondMemoryNamesTheLengthThatFits) {
  const auto device = device::make_cpu_device({.n_threads = 1});
  const format::TextConfig config =
      format::parse_gemma4_config(testing::config_json(testing::kE4B, testing::Spelling::kFlat), "config.json").text;
  const KvLimits limits = {.max_sequences = 8192, .max_positions = 131072};  // about 18 TB
  const std::string error = testing::error_of([&] { KvCache(*device, config, limits); });
  std::smatch found;
  ASSERT_TRUE(std::regex_match(error, found,
                               std::regex("a context of 131072 tokens for 8192 sequences needs [0-9.]+ GB for keys and "
                                          "values, and [0-9.]+ GB of memory are free: --max-model-len ([0-9]+) fits")))
      << error;
  // Other processes take and give memory meanwhile.
  const int fits = std::stoi(found[1]);
  EXPECT_LT(fits, limits.max_positions);
  const auto with = [&](int n_positions) {
    KvLimits shorter = limits;
    shorter.max_positions = n_positions;
    return testing::error_of([&] { KvCache(*device, config, shorter); });
  };
  if (fits >= 2) {
    EXPECT_EQ(with(fits - fits / 4 - 1), "no error");
  }
  EXPECT_NE(with(fits + fits / 4 + 64), "no error");
}

}  // namespace
}  // namespace nibble::model
