// A model directory: shards, the index that lists them, and everything that may be wrong between the two.
#include "format/checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/error_text.h"
#include "support/process.h"

namespace nibble::format {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(directory_.file(name), std::ios::binary) << text;
  }
  // A shard of BF16 tensors [2, 3].
  void shard(const std::string& name, const std::vector<std::string>& tensors) const {
    std::vector<TensorInfo> infos;
    for (const std::string& tensor : tensors) infos.push_back({.name = tensor, .dtype = DType::kBF16, .shape = {2, 3}});
    SafetensorsWriter writer = SafetensorsWriter::create(directory_.file(name), infos, {});
    for (const TensorInfo& tensor : writer.tensors()) writer.write(tensor, 0, std::vector<std::byte>(12));
    writer.close();
  }
  void index(std::string_view weight_map) const {
    write("model.safetensors.index.json", fmt::format(R"({{"weight_map":{}}})", weight_map));
  }
  std::string verdict() const {
    return testing::error_of([&] { Checkpoint::open(directory_.path()); }, directory_.path());
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(CheckpointTest, OneFile) {
  shard("model.safetensors", {"a", "b"});
  const Checkpoint checkpoint = Checkpoint::open(directory_.path());
  EXPECT_EQ(checkpoint.n_tensors(), 2u);
  EXPECT_EQ(checkpoint.total_bytes(), 24u);
  EXPECT_FALSE(checkpoint.find("c"));
  const std::vector<std::int64_t> shape = {2, 3}, other = {3, 2};
  const auto error = [&](const auto& call) { return testing::error_of(call, directory_.path()); };
  EXPECT_EQ(error([&] { checkpoint.require("c"); }), "DIR: tensor 'c' is missing");
  EXPECT_EQ(error([&] { checkpoint.require("a", DType::kBF16, shape); }), "no error");
  EXPECT_EQ(error([&] { checkpoint.require("a", DType::kF32, shape); }), "DIR: tensor 'a': expected F32, found BF16");
  EXPECT_EQ(error([&] { checkpoint.require("a", DType::kBF16, other); }),
            "DIR: tensor 'a': expected shape [3, 2], found [2, 3]");
}

TEST_F(CheckpointTest, Shards) {
  shard("1.safetensors", {"a"});
  shard("2.safetensors", {"b"});
  shard("unlisted.safetensors", {"a"});
  index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_EQ(verdict(), "no error");
}

TEST_F(CheckpointTest, NothingToRead) {
  EXPECT_EQ(testing::error_of([] { Checkpoint::open("/nowhere"); }), "/nowhere: no such model directory");
  write("pytorch_model.bin", "\x80\x02");
  EXPECT_EQ(verdict(),
            "DIR: neither model.safetensors nor model.safetensors.index.json found (only safetensors "
            "checkpoints are read)");
}

TEST_F(CheckpointTest, ATruncatedShard) {
  shard("model.safetensors", {"a"});
  const std::string path = directory_.file("model.safetensors");
  const auto size = fs::file_size(path);
  fs::resize_file(path, size - 1);
  EXPECT_EQ(verdict(),
            fmt::format("DIR/model.safetensors: the tensors end at byte {}, the file has {} (truncated: download "
                        "or copy it again)",
                        size, size - 1));
}

TEST_F(CheckpointTest, AMissingShard) {
  index(R"({"a":"1.safetensors"})");
  EXPECT_EQ(verdict(), "DIR/1.safetensors: No such file or directory");
}

TEST_F(CheckpointTest, ATensorThatTheIndexPutsElsewhere) {
  shard("1.safetensors", {"a"});
  shard("2.safetensors", {"b"});
  index(R"({"a":"1.safetensors","b":"1.safetensors"})");
  EXPECT_EQ(verdict(), "DIR: tensor 'b' is missing from 1.safetensors, where model.safetensors.index.json puts it");
  index(R"({"a":"1.safetensors","c":"2.safetensors"})");
  EXPECT_EQ(verdict(), "DIR: tensor 'b' is in 2.safetensors, which model.safetensors.index.json does not say");
}

TEST_F(CheckpointTest, ATensorInTwoShards) {
  shard("1.safetensors", {"a"});
  shard("2.safetensors", {"a", "b"});
  index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_EQ(verdict(), "DIR: tensor 'a' is in two shards: DIR/1.safetensors and DIR/2.safetensors");
}

TEST_F(CheckpointTest, TwoCheckpointsInOneDirectory) {
  shard("1.safetensors", {"a"});
  shard("model.safetensors", {"a"});
  index(R"({"a":"1.safetensors"})");
  EXPECT_EQ(verdict(),
            "DIR: holds model.safetensors and model.safetensors.index.json, which does not name it: remove one, "
            "programs differ in which they read");
  index(R"({"a":"model.safetensors"})");
  EXPECT_EQ(verdict(), "no error");
}

TEST_F(CheckpointTest, ShardsAreFilesOfThisDirectory) {
  const fs::path outside = directory_.path().string() + "-outside.safetensors";
  shard("inside", {"a"});
  fs::rename(directory_.file("inside"), outside);
  for (const std::string& name :
       {"../" + outside.filename().string(), outside.string(), std::string("sub/1.safetensors"),
        std::string("..\\\\1.safetensors"), std::string(".hidden.safetensors"), std::string(), std::string("model.bin"),
        std::string("model.bin\\u0000.safetensors"), std::string("..")}) {
    index(fmt::format(R"({{"a":"{}"}})", name));
    const std::string shown =
        testing::replaced(testing::replaced(testing::replaced(name, "\\\\", "\\"), "\\u0000", std::string(1, '\0')),
                          directory_.path(), "DIR");
    EXPECT_EQ(verdict(),
              std::string(fmt::format("DIR/model.safetensors.index.json: tensor 'a': '{}' is not the name of a "
                                      "safetensors file in this directory",
                                      shown))
                  .c_str())
        << name;
  }
  fs::remove(outside);
}

TEST_F(CheckpointTest, WhatAnIndexMustHold) {
  write("model.safetensors.index.json", "{}");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: \"weight_map\" is missing");
  index("[]");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: weight_map: expected an object, found an array");
  index("{}");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: \"weight_map\" is empty");
  index(R"({"a":1})");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: tensor 'a': expected a file name");
  index(R"({"a":"1.safetensors","a":"2.safetensors"})");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: line 1, column 38: key \"a\" appears twice in one object");
  write("model.safetensors.index.json", "{\"weight_map\":");
  EXPECT_EQ(verdict(), "DIR/model.safetensors.index.json: line 1, column 15: not valid JSON (incomplete JSON)");
}

}  // namespace
}  // namespace nibble::format
