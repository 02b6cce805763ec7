// Every rule of the format, by a file that breaks it and the message that says so.
#include "format/safetensors.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/error_text.h"
#include "support/process.h"

namespace nibble::format {
namespace {

using testing::error_of;

// What the reader says of this header with `n_data` bytes behind it.
std::string verdict(std::string_view header, std::uint64_t n_data) {
  return error_of([&] { parse_safetensors_header(header, 8 + header.size() + n_data, "x"); });
}

// Of one tensor 'w' whose entry this is.
std::string entry_verdict(std::string_view entry, std::uint64_t n_data = 4) {
  return verdict(fmt::format(R"({{"w":{}}})", entry), n_data);
}

// Of a whole file.
std::string file_verdict(std::string_view bytes) {
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("x.safetensors");
  std::ofstream(path, std::ios::binary) << bytes;
  return error_of([&] { SafetensorsReader::open(path); }, temporary.path());
}

std::string length_prefix(std::uint64_t length) { return {reinterpret_cast<const char*>(&length), 8}; }

TEST(Safetensors, ReadsWhatTheFormatAllows) {
  const std::string text =
      R"({"b":{"dtype":"F32","shape":[],"data_offsets":[6,10]},"__metadata__":{"format":"pt"},)"
      R"("empty":{"dtype":"I64","shape":[3,0],"data_offsets":[6,6]},"a":{"dtype":"BF16","shape":[1,3],"data_offsets":[0,6]}}   )";
  const SafetensorsHeader header = parse_safetensors_header(text, 8 + text.size() + 10, "x");
  ASSERT_EQ(header.tensors.size(), 3u);  // by offset
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].offset_bytes, 8 + text.size());
  EXPECT_EQ(header.tensors[0].n_elements(), 3u);
  EXPECT_EQ(header.tensors[1].name, "empty");
  EXPECT_EQ(header.tensors[1].size_bytes, 0u);
  EXPECT_EQ(header.tensors[2].name, "b");
  EXPECT_TRUE(header.tensors[2].shape.empty());
  EXPECT_EQ(header.tensors[2].n_elements(), 1u);
  EXPECT_EQ(header.metadata.at("format"), "pt");
  EXPECT_TRUE(parse_safetensors_header("{}", 10, "x").tensors.empty());
}

TEST(Safetensors, LengthOfTheHeader) {
  EXPECT_EQ(file_verdict(""), "DIR/x.safetensors: 0 bytes, a safetensors file has at least 8");
  EXPECT_EQ(file_verdict("1234567"), "DIR/x.safetensors: 7 bytes, a safetensors file has at least 8");
  EXPECT_EQ(file_verdict(length_prefix(0)), "DIR/x.safetensors: the header does not begin with '{'");
  EXPECT_EQ(file_verdict(length_prefix(1) + "{"),
            "DIR/x.safetensors: header: line 1, column 2: not valid JSON (incomplete JSON)");
  EXPECT_EQ(file_verdict(length_prefix(2) + "{}"), "no error");
  EXPECT_EQ(file_verdict(length_prefix(3) + "{}"),
            "DIR/x.safetensors: header of 3 bytes in a file of 10 (truncated: download or copy it again)");
  EXPECT_EQ(file_verdict(length_prefix(100'000'000) + "{}"),
            "DIR/x.safetensors: header of 100000000 bytes in a file of 10 (truncated: download or copy it again)");
  EXPECT_EQ(file_verdict(length_prefix(100'000'001) + "{}"),
            "DIR/x.safetensors: header of 100000001 bytes, at most 100000000 are read");
  EXPECT_EQ(file_verdict(length_prefix(~std::uint64_t{0}) + "{}"),
            "DIR/x.safetensors: header of 18446744073709551615 bytes, at most 100000000 are read");
  EXPECT_EQ(error_of([] { SafetensorsReader::open("/nowhere/x.safetensors"); }),
            "/nowhere/x.safetensors: No such file or directory");
}

TEST(Safetensors, HeaderIsOneJsonObject) {
  EXPECT_EQ(verdict(" {}", 0), "x: the header does not begin with '{'");
  EXPECT_EQ(verdict("[]", 0), "x: the header does not begin with '{'");
  EXPECT_EQ(verdict("{\"a\xff\":1}", 0), "x: header: line 1, column 4: not valid JSON (syntax error)");
  EXPECT_EQ(verdict("{}x", 0), "x: header: line 1, column 3: unexpected text behind the JSON value");
  EXPECT_EQ(verdict(std::string_view("{}\0", 3), 0),
            "x: header: line 1, column 3: unexpected text behind the JSON value");
  EXPECT_EQ(verdict(R"({"w":{"w":{"w":{"w":{"w":{"w":{"w":{"w":1}}}}}}}})", 0), "x: tensor 'w': \"dtype\" is missing");
  EXPECT_EQ(verdict(R"({"w":{"w":{"w":{"w":{"w":{"w":{"w":{"w":{}}}}}}}}})", 0),
            "x: header: line 1, column 41: nested deeper than 8 levels");
  EXPECT_EQ(verdict(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":1})", 4),
            "x: header: line 1, column 57: key \"w\" appears twice in one object");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]})"),
            "x: header: line 1, column 39: key \"shape\" appears twice in one object");
}

TEST(Safetensors, MetadataIsTextOnly) {
  EXPECT_EQ(verdict(R"({"__metadata__":[]})", 0), "x: __metadata__: expected an object of strings");
  EXPECT_EQ(verdict(R"({"__metadata__":null})", 0), "x: __metadata__: expected an object of strings");
  EXPECT_EQ(verdict(R"({"__metadata__":{"a":1}})", 0), "x: __metadata__: \"a\": expected a string");
  EXPECT_EQ(verdict(R"({"__metadata__":{"a":"1","a":"1"}})", 0),
            "x: header: line 1, column 28: key \"a\" appears twice in one object");
}

TEST(Safetensors, FieldsOfATensor) {
  EXPECT_EQ(entry_verdict("7"), "x: tensor 'w': expected an object, found an integer");
  EXPECT_EQ(entry_verdict("null"), "x: tensor 'w': expected an object, found null");
  EXPECT_EQ(entry_verdict(R"({"shape":[1],"data_offsets":[0,4]})"), "x: tensor 'w': \"dtype\" is missing");
  EXPECT_EQ(entry_verdict(R"({"dtype":16,"shape":[1],"data_offsets":[0,4]})"),
            "x: tensor 'w': \"dtype\": expected a string, found an integer");
  EXPECT_EQ(entry_verdict(R"({"dtype":"BF17","shape":[1],"data_offsets":[0,4]})"),
            "x: tensor 'w': unknown dtype 'BF17'");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","data_offsets":[0,4]})"),
            "x: tensor 'w': \"shape\": expected a list of integers");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1]})"),
            "x: tensor 'w': \"data_offsets\": expected a list of integers");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":["1"],"data_offsets":[0,4]})"),
            "x: tensor 'w': \"shape\": expected integers of at least 0");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})"),
            "x: tensor 'w': \"shape\": expected integers of at least 0");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"),
            "x: tensor 'w': \"shape\": expected integers of at least 0");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"compression":"zip"})"),
            "x: tensor 'w': unknown field \"compression\"");
}

TEST(Safetensors, SizesNeverWrap) {
  // 2^63 * 2 * 4 is 2^66; taken modulo 2^64 it would be 0 and fit.
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,4]})"),
            "x: tensor 'w': the size of shape [9223372036854775807, 2] overflows");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
            "x: tensor 'w': the size of shape [4294967296, 4294967296] overflows");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]})", 0),
            "x: tensor 'w': the size of shape [4294967296, 4294967296, 0] overflows");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]})"),
            "x: tensor 'w': the size of shape [-1] overflows");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,4]})"),
            "x: tensor 'w': \"shape\": expected integers of at least 0");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[4],"data_offsets":[18446744073709551600,18446744073709551604]})"),
            "x: tensor 'w': its offset overflows");
}

TEST(Safetensors, OffsetsHoldTheShape) {
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"),
            "x: tensor 'w': \"data_offsets\": expected a begin and an end not before it");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})"),
            "x: tensor 'w': \"data_offsets\": expected a begin and an end not before it");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"),
            "x: tensor 'w': \"data_offsets\": expected a begin and an end not before it");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})"),
            "x: tensor 'w': \"data_offsets\": expected integers of at least 0");
  EXPECT_EQ(entry_verdict(R"({"dtype":"F32","shape":[2,1],"data_offsets":[0,4]})"),
            "x: tensor 'w': F32 [2, 1] needs 8 bytes, its offsets hold 4");
}

TEST(Safetensors, NoHoleNoOverlapNoRest) {
  const auto two = [](int begin, int end, std::uint64_t n_data) {
    return verdict(fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},)"
                               R"("w":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
                               end - begin, begin, end),
                   n_data);
  };
  EXPECT_EQ(two(4, 8, 8), "no error");
  EXPECT_EQ(two(5, 8, 8), "x: tensor 'w': expected to begin at byte 4 of the data, found 5 (hole)");
  EXPECT_EQ(two(3, 8, 8), "x: tensor 'w': expected to begin at byte 4 of the data, found 3 (overlap)");
  EXPECT_EQ(two(0, 4, 4), "x: tensor 'w': expected to begin at byte 4 of the data, found 0 (overlap)");
  EXPECT_EQ(entry_verdict(R"({"dtype":"U8","shape":[3],"data_offsets":[1,4]})"),
            "x: tensor 'w': expected to begin at byte 0 of the data, found 1 (hole)");
  const std::string entry = R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  const std::size_t end = 8 + entry.size() + 4;
  EXPECT_EQ(verdict(entry, 3),
            fmt::format("x: the tensors end at byte {}, the file has {} (truncated: download or copy it again)", end,
                        end - 1));
  EXPECT_EQ(verdict(entry, 5),
            fmt::format("x: the tensors end at byte {}, the file has {} (trailing bytes)", end, end + 1));
}

TEST(Safetensors, AsManyTensorsAsAreReadAndNoMore) {
  const auto of = [](std::size_t n) {
    std::string header = "{";
    for (std::size_t i = 0; i < n; ++i)
      header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i ? "," : "", i);
    return verdict(header + "}", 0);
  };
  EXPECT_EQ(of(kMaxTensors), "no error");
  EXPECT_EQ(of(kMaxTensors + 1), "x: 200001 tensors, at most 200000 are read");
}

// A claim of gigabytes must be compared with the file before anything is reserved for it.
TEST(Safetensors, ASparseFileOfClaims) {
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("x.safetensors");
  std::ofstream(path, std::ios::binary) << length_prefix(99'999'999) << "{";
  std::filesystem::resize_file(path, std::uint64_t{10} << 30);
  EXPECT_EQ(error_of([&] { SafetensorsReader::open(path); }, temporary.path()),
            "DIR/x.safetensors: header: line 1, column 2: not valid JSON (syntax error)");
}

TEST(Safetensors, AFileThatShrinksWhileInUseIsAnError) {
  const testing::TemporaryDirectory temporary;
  const std::string path = temporary.file("x.safetensors");
  const std::string header = R"({"w":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}})";
  std::ofstream(path, std::ios::binary) << length_prefix(header.size()) << header << std::string(64, 'x');
  const SafetensorsReader reader = SafetensorsReader::open(path);
  std::filesystem::resize_file(path, 8 + header.size() + 10);
  std::vector<std::byte> bytes(64);
  EXPECT_EQ(error_of([&] { reader.read(reader.tensors()[0], 0, bytes); }, temporary.path()),
            fmt::format("DIR/x.safetensors: file ends at byte {}, 54 more expected (changed while in use?)",
                        header.size() + 18));
}

}  // namespace
}  // namespace nibble::format
