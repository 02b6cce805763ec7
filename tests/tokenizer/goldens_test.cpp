// What the reference libraries do with a tokenizer.json and texts, ids and streams: the repository's own small ones
// (tools/goldens/tokenizer.py) and, where present, Gemma 4's.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tokenizer/stream.h"
#include "tokenizer/tokenizer.h"

namespace nibble::tokenizer {
namespace {

namespace fs = std::filesystem;

struct Golden {
  fs::path folder;
  Tokenizer tokenizer;
};

std::string unpacked(const fs::path& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc '" + path.string() + "'").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 65536> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe.get())) text.append(part.data(), n);
  return text;
}

Golden load(const fs::path& folder) {
  const fs::path packed = folder / "tokenizer.json.gz";
  if (!fs::exists(packed)) return {folder, Tokenizer::load(folder.string())};
  return {folder, Tokenizer::parse(unpacked(packed), packed.string())};
}

std::vector<fs::path> own_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(fs::path(NIBBLE_SOURCE_DIR) / "tests/goldens/tokenizer"))
    folders.push_back(entry.path());
  return folders;
}

fs::path shared() {
  const char* set = std::getenv("NIBBLE_SHARED");
  return (set != nullptr ? fs::path(set) : fs::path(NIBBLE_SOURCE_DIR) / ".." / "shared") / "goldens";
}

std::vector<json::value> lines_of(const fs::path& path) {
  std::vector<json::value> lines;
  const std::string text = read_text_file(path.string(), 64 << 20);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(parse_json(text.substr(begin, end - begin), path.string()));
    begin = end + 1;
  }
  return lines;
}

std::vector<int> ids_of(const json::value& list) {
  std::vector<int> ids;
  for (const json::value& id : list.as_array()) ids.push_back(int(id.as_int64()));
  return ids;
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

void expect_encodes(const Golden& golden) {
  int n_cases = 0;
  for (const json::value& line : lines_of(golden.folder / "encode.jsonl")) {
    const std::string text = text_of(line.at("text"));
    EXPECT_EQ(golden.tokenizer.encode(text, false), ids_of(line.at("ids"))) << golden.folder << ": " << text;
    const std::vector<int> ids = ids_of(line.at("ids_with_special_parsing"));
    EXPECT_EQ(golden.tokenizer.encode(text, true), ids) << golden.folder << ": " << text;
    if (const json::value* decoded = line.as_object().if_contains("decoded")) {
      EXPECT_EQ(golden.tokenizer.decode(ids_of(line.at("ids")), false), decoded->is_bool() ? text : text_of(*decoded));
    }
    ++n_cases;
  }
  std::printf("%s: %d texts\n", golden.folder.filename().c_str(), n_cases);
  EXPECT_GT(n_cases, 50);
}

void expect_streams(const Golden& golden, const json::value& line, bool skip_special) {
  const std::string key = skip_special ? "_skip_special" : "";
  std::vector<int> prompt;
  if (const json::value* ids = line.as_object().if_contains("prompt_ids")) prompt = ids_of(*ids);
  StreamDecoder stream(golden.tokenizer, {.skip_special = skip_special, .prompt_ids = prompt});
  const json::array& expected = line.at("stream_reset" + key).as_array();
  const json::value* raw = line.as_object().if_contains("stream" + key);  // ends at the first restart
  const std::vector<int> ids = ids_of(line.at("ids"));
  ASSERT_EQ(expected.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const int restarts = stream.restarts();
    const std::string delta = stream.push(ids[i]);
    EXPECT_EQ(delta, text_of(expected[i])) << json::serialize(line) << " at " << i << key;
    if (raw == nullptr || restarts > 0) continue;
    const json::value& step = raw->at(i);
    EXPECT_EQ(step.is_object(), stream.restarts() > 0) << json::serialize(line) << " at " << i << key;
    if (!step.is_object()) {
      EXPECT_EQ(delta, step.is_null() ? "" : text_of(step));
    }
  }
  if (const json::value* restarts = line.as_object().if_contains("restarts" + key)) {
    EXPECT_EQ(stream.restarts(), restarts->as_int64()) << json::serialize(line);
  }
}

void expect_decodes(const Golden& golden) {
  int n_cases = 0;
  for (const json::value& line : lines_of(golden.folder / "decode.jsonl")) {
    const std::vector<int> ids = ids_of(line.at("ids"));
    EXPECT_EQ(golden.tokenizer.decode(ids, false), text_of(line.at("text"))) << json::serialize(line);
    EXPECT_EQ(golden.tokenizer.decode(ids, true), text_of(line.at("text_skip_special"))) << json::serialize(line);
    expect_streams(golden, line, false);
    expect_streams(golden, line, true);
    ++n_cases;
  }
  std::printf("%s: %d lists of ids\n", golden.folder.filename().c_str(), n_cases);
  EXPECT_GT(n_cases, 50);
}

// The reference holds back as many characters as its longest stop string has, whatever they are; we hold back less. So
// the parts differ, and their sum and the place of the match must not.
void expect_stops(const Golden& golden) {
  for (const json::value& line : lines_of(golden.folder / "stop_strings.jsonl")) {
    StopMatcher::Options options = {.stops = {},
                                    .include_in_output = line.at("include_stop_str_in_output").as_bool(),
                                    .min_tokens = int(line.at("min_tokens").as_int64())};
    for (const json::value& stop : line.at("stop").as_array()) options.stops.push_back(text_of(stop));
    StopMatcher matcher(options);
    StreamDecoder stream(golden.tokenizer, {.skip_special = false});
    std::string output, reference;
    for (const int id : ids_of(line.at("ids"))) {
      output += matcher.push(stream.push(id));
      if (matcher.matched()) break;
    }
    output += matcher.finish();
    EXPECT_EQ(output, text_of(line.at("output"))) << json::serialize(line);
    EXPECT_EQ(matcher.tokens_kept(), line.at("tokens_kept").as_int64()) << json::serialize(line);
    EXPECT_EQ(matcher.matched().value_or(""), line.at("matched").is_null() ? "" : text_of(line.at("matched")))
        << json::serialize(line);
  }
}

TEST(TokenizerGoldens, SmallTokenizersEncodeAsTheReference) {
  for (const fs::path& folder : own_folders()) expect_encodes(load(folder));
}

TEST(TokenizerGoldens, SmallTokenizersDecodeAndStreamAsTheReference) {
  for (const fs::path& folder : own_folders()) expect_decodes(load(folder));
}

TEST(TokenizerGoldens, Gemma4DoesAsTheReference) {
  const fs::path folder = shared() / "tokenizer";
  if (!fs::exists(folder)) GTEST_SKIP() << "no ../shared/goldens/tokenizer here";
  const Golden golden = load(folder);
  EXPECT_EQ(golden.tokenizer.n_vocab(), 262144);
  EXPECT_TRUE(golden.tokenizer.prefix().empty());
  expect_encodes(golden);
  expect_decodes(golden);
  expect_stops(golden);
}

TEST(TokenizerGoldens, LoadsTheGoldenModelsTokenizers) {
  const fs::path folder = shared() / "model" / "mm-e4b-like" / "model";
  if (!fs::exists(folder)) GTEST_SKIP() << "no ../shared/goldens/model here";
  const Tokenizer tokenizer = Tokenizer::load(folder.string());
  EXPECT_EQ(tokenizer.n_vocab(), 512);
  const std::string text = "Any text: naïve 你好 <|think|>";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true), false), text);
  EXPECT_EQ(tokenizer.encode(text, true).back(), 497);
}

}  // namespace
}  // namespace nibble::tokenizer
