// The layout of src/ is a contract: includes point only down this list, and no file outgrows a reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Top first. A folder may include itself and what stands below it.
const std::vector<std::string> kLayers = {"cli",   "server", "eval",      "engine", "grammar", "quantize", "chat",
                                          "model", "media",  "tokenizer", "device", "format",  "base"};

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(NIBBLE_SOURCE_DIR) / "src"))
    if (entry.is_regular_file()) files.push_back(entry.path());
  return files;
}

int layer_of(const std::string& folder) {
  const auto found = std::find(kLayers.begin(), kLayers.end(), folder);
  return found == kLayers.end() ? -1 : int(found - kLayers.begin());
}

TEST(Layers, IncludesPointOnlyDown) {
  const std::regex include("^#include \"([a-z_]+)/.*\"");
  int seen = 0;
  for (const fs::path& file : sources()) {
    const fs::path relative = fs::relative(file, fs::path(NIBBLE_SOURCE_DIR) / "src");
    const int from = layer_of(*relative.begin());
    if (from < 0) continue;  // main.cpp
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      ++seen;
      EXPECT_GE(layer_of(match[1]), from) << relative << " includes upwards or an unknown folder: " << line;
    }
  }
  EXPECT_GT(seen, 5);
}

TEST(Layers, NoFileIsOverSixHundredLines) {
  for (const fs::path& file : sources()) {
    std::ifstream in(file);
    const auto lines = std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    EXPECT_LE(lines, 600) << file;
  }
}

}  // namespace
