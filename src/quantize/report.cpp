// What the quantizer says when it is done.
#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "quantize/quantize.h"

namespace nibble::quantize {
namespace {

constexpr std::size_t kWorstShown = 5;

double megabytes(std::uint64_t bytes) { return double(bytes) / 1e6; }

}  // namespace

std::string report_table(const Report& report) {
  std::string text = fmt::format("{:<24}{:>8}{:>14}{:>14}\n", "component", "tensors", "before MB", "after MB");
  for (const Component& c : report.components)
    text += fmt::format("{:<24}{:>8}{:>14.2f}{:>14.2f}\n", c.name, c.tensors, megabytes(c.bytes_before),
                        megabytes(c.bytes_after));
  text += fmt::format("{:<24}{:>8}{:>14.2f}{:>14.2f}\n", "all", "", megabytes(report.bytes_before),
                      megabytes(report.bytes_after));
  text += "largest relative errors (RMS):\n";
  for (std::size_t i = 0; i < std::min(kWorstShown, report.errors.size()); ++i)
    text += fmt::format("  {:.4f}  {}\n", report.errors[i].relative_rms, report.errors[i].module);
  text += fmt::format("{} in {:.2f} s, {:.2f} GB/s of input, {} kernels\n", report.scheme, report.seconds,
                      double(report.bytes_before) / 1e9 / report.seconds, report.kernels);
  return text;
}

std::string report_json(const Report& report) {
  json::object root;
  root["scheme"] = report.scheme;
  root["kernels"] = report.kernels;
  root["bytes_before"] = report.bytes_before;
  root["bytes_after"] = report.bytes_after;
  root["seconds"] = report.seconds;
  root["dropped_tensors"] = report.dropped_tensors;
  json::array components, errors;
  for (const Component& c : report.components)
    components.push_back(
        {{"name", c.name}, {"tensors", c.tensors}, {"bytes_before", c.bytes_before}, {"bytes_after", c.bytes_after}});
  for (const ModuleError& e : report.errors) errors.push_back({{"module", e.module}, {"relative_rms", e.relative_rms}});
  root["components"] = std::move(components);
  root["errors"] = std::move(errors);
  return json::serialize(root);
}

}  // namespace nibble::quantize
