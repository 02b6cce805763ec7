// What `nibble bench` prints of several models: the table of a model card as Markdown, everything as JSON, a picture.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "device/device.h"
#include "device/profile.h"
#include "eval/bench.h"

namespace nibble::eval {

struct BenchedModel {
  std::string name;    // the directory
  std::string format;  // "BF16", "FP8 online", "NVFP4A16", "NVFP4"
  double load_seconds = 0;
  SpeedReport speed;
};

struct BenchReport {
  std::string device;  // Device::describe()
  device::Walls walls;
  BenchPlan plan;
  std::vector<BenchedModel> models;
};

std::string bench_markdown(const BenchReport& report);
json::value bench_json(const BenchReport& report);
std::string bench_svg(const BenchReport& report);
std::string profile_markdown(const std::vector<device::OpProfile>& profile, const device::Walls& walls);

}  // namespace nibble::eval
