// Bytes of a checkpoint: worked out by hand for tiny models, and against the sizes of what llm-compressor
// wrote.
#include "model/footprint.h"

#include <gtest/gtest.h>

#include "support/error_text.h"
#include "support/goldens.h"

namespace nibble::model {
namespace {

Footprint footprint_of(const fs::path& directory) {
  return measure(format::Checkpoint::open(directory.string()),
                 format::load_gemma4_config(directory.string()));
}

fs::path own(const char* relative) {
  return testing::own_goldens() / "model" / relative;
}

const FormatFootprint& in(const Footprint& footprint, const std::string& name) {
  for (const FormatFootprint& format : footprint.formats)
    if (format.format == name) return format;
  throw Error("no format {}", name);
}

void expect(const FormatFootprint& format, Component component, Bytes bytes) {
  SCOPED_TRACE(format.format + ", " + name_of(component));
  EXPECT_EQ(format.of(component).stored, bytes.stored);
  EXPECT_EQ(format.of(component).resident, bytes.resident);
  EXPECT_EQ(format.of(component).per_token, bytes.per_token);
}

// E2B's form: width 80, 2 heads of 32 (full layers: 64), 1 KV head, d_ff 48, 6 layers of which 2 and 5 are
// full and 3 to 5 share keys and values and have d_ff 96, PLE 32, 192 tokens.
TEST(Footprint, ByHandForE2bsForm) {
  const Footprint footprint = footprint_of(own("text-e2b-like/model"));
  ASSERT_EQ(footprint.formats.size(), 4u);
  const FormatFootprint &bf16 = in(footprint, "BF16"), &fp8 = in(footprint, "FP8_DYNAMIC");
  const FormatFootprint &nvfp4a16 = in(footprint, "NVFP4A16"), &nvfp4 = in(footprint, "NVFP4");

  // Tables and head, the same in every format.
  for (const FormatFootprint& format : footprint.formats) {
    expect(format, Component::kPleTable, {192 * 6 * 32 * 2, 0, 6 * 32 * 2});
    expect(format, Component::kEmbedding, {192 * 80 * 2, 0, 80 * 2});
    expect(format, Component::kHead, {0, 192 * 80 * 2, 192 * 80 * 2});
    // Six layers: four norms of the width, PLE's, a scalar; q_norm; k_norm of the first three. The last norm,
    // PLE's own.
    const std::uint64_t norms = 2 * (6 * (5 * 80 + 1) + (32 + 32 + 64) * 2 + (32 + 32 + 64) + 80 + 32);
    expect(format, Component::kNorms, {norms, norms, norms});
  }

  // 192 x 80, and for each layer 32 x 80 and 80 x 32.
  const std::uint64_t ple = 192 * 80 + 6 * 2 * 32 * 80, ple_rows = 192 + 6 * (32 + 80);
  const auto all = [](std::uint64_t bytes) { return Bytes{bytes, bytes, bytes}; };
  expect(bf16, Component::kPleProjections, all(ple * 2));
  expect(fp8, Component::kPleProjections, all(ple + ple_rows * 2));
  expect(nvfp4a16, Component::kPleProjections, all(ple / 2 + ple / 16 + 13 * 4));
  expect(nvfp4, Component::kPleProjections, all(ple / 2 + ple / 16 + 13 * 8));

  // q and o 64 x 80, k and v 32 x 80 in sliding layers, twice that in full ones; q and o alone in the last
  // three.
  const std::uint64_t attention =
      2 * (2 * 5120 + 2 * 2560) + (2 * 10240 + 2 * 5120) + 2 * 2 * 5120 + 2 * 10240;
  const std::uint64_t attention_rows =
      2 * (64 + 32 + 32 + 80) + (128 + 64 + 64 + 80) + 2 * (64 + 80) + (128 + 80);
  EXPECT_EQ(attention, 102400u);
  expect(bf16, Component::kAttention, all(attention * 2));
  expect(fp8, Component::kAttention, all(attention + attention_rows * 2));
  expect(nvfp4a16, Component::kAttention, all(attention / 2 + attention / 16 + 18 * 4));
  expect(nvfp4, Component::kAttention, all(attention / 2 + attention / 16 + 18 * 8));

  const std::uint64_t mlp = 3 * 3 * 48 * 80 + 3 * 3 * 96 * 80;
  expect(bf16, Component::kMlp, all(mlp * 2));
  expect(nvfp4a16, Component::kMlp, all(mlp / 2 + mlp / 16 + 18 * 4));

  // k, v and k_norm of layers 3 to 5: in the release, not in what `quantize` writes.
  expect(bf16, Component::kUnread, {2 * (2 * (2 * 2560 + 32) + (2 * 5120 + 64)), 0, 0});
  expect(nvfp4a16, Component::kUnread, {0, 0, 0});

  // A head of 32 for K and one for V in BF16 is 128 bytes; 7 positions in each of four sliding layers.
  EXPECT_EQ(footprint.kv_window, 4u * 7 * 128);
  EXPECT_EQ(footprint.kv_read, 2u * 256);
  EXPECT_EQ(footprint.kv_kept, 256u);
}

// Four layers of 6 experts of which a token uses 2: width 48, d_ff 16.
TEST(Footprint, OnlyTheExpertsThatATokenUses) {
  const Footprint footprint = footprint_of(own("text-26b-a4b-like/model"));
  const std::uint64_t router = 6 * 48, expert = 3 * 16 * 48;
  const std::uint64_t held = 4 * (router + 6 * expert) * 2;
  expect(in(footprint, "BF16"), Component::kExperts, {held, held, 4 * (router + 2 * expert) * 2});
  const std::uint64_t router4 = router / 2 + router / 16 + 4, expert4 = expert / 2 + expert / 16 + 3 * 4;
  const std::uint64_t held4 = 4 * (router4 + 6 * expert4);
  expect(in(footprint, "NVFP4A16"), Component::kExperts, {held4, held4, 4 * (router4 + 2 * expert4)});
}

// The prediction for a format is the size of the checkpoint that the reference writes in it, to the byte; and
// such a checkpoint, measured itself, gives the same numbers.
TEST(Footprint, PredictsTheReferencesCheckpoints) {
  struct Case {
    const char *source, *quantized;
    std::vector<std::string> schemes;
  };
  for (const Case& c : {Case{"mm-e4b-like/model", "quant-model", {"NVFP4A16", "NVFP4", "FP8_DYNAMIC"}},
                        Case{"text-26b-a4b-like/model", "quant-model-26b-a4b-like", {"NVFP4A16"}}}) {
    const Footprint source = footprint_of(own(c.source));
    EXPECT_EQ(source.formats.front().total().stored,
              format::Checkpoint::open(own(c.source).string()).total_bytes());
    for (const std::string& scheme : c.schemes) {
      SCOPED_TRACE(scheme);
      const fs::path written = own(c.quantized) / scheme;
      EXPECT_EQ(in(source, scheme).total().stored, format::Checkpoint::open(written.string()).total_bytes());
      const Footprint quantized = footprint_of(written);
      ASSERT_EQ(quantized.formats.size(), 1u);
      for (std::size_t i = 0; i < kComponents; ++i)
        expect(quantized.formats[0], Component(i), in(source, scheme).components[i]);
    }
  }
  const fs::path int4 = own("int4-model") / "W4A16G32";
  const Footprint footprint = footprint_of(int4);
  EXPECT_EQ(footprint.formats[0].format, "int4");
  EXPECT_EQ(footprint.formats[0].total().stored, format::Checkpoint::open(int4.string()).total_bytes());
}

TEST(Footprint, ChecksWhatALoaderWouldCheck) {
  const fs::path model = own("text-31b-like/model");
  const format::Checkpoint checkpoint = format::Checkpoint::open(model.string());
  format::Gemma4Config config = format::load_gemma4_config(model.string());
  const auto verdict = [&](const format::Gemma4Config& changed) {
    return testing::error_of([&] { measure(checkpoint, changed); }, model.string());
  };
  format::Gemma4Config wide = config;
  wide.text.layers[1].d_ff = 128;
  EXPECT_EQ(verdict(wide),
            "DIR: tensor 'model.language_model.layers.1.mlp.gate_proj.weight': expected shape [128, 80], "
            "found [64, 80]");
  format::Gemma4Config deep = config;
  deep.text.layers.push_back(config.text.layers.back());
  EXPECT_EQ(verdict(deep), "DIR: tensor 'model.language_model.layers.4.input_layernorm.weight' is missing");
  format::Gemma4Config untied = config;
  untied.text.tied_head = false;
  EXPECT_EQ(verdict(untied), "DIR: tensor 'lm_head.weight' is missing");
  EXPECT_EQ(verdict(config), "no error");
}

}  // namespace
}  // namespace nibble::model
