// The picture of `nibble bench --svg`: tokens a second of each format as bars, and over the depth of the context as lines.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/bench_report.h"

namespace nibble::eval {
namespace {

constexpr int kWidth = 860, kHeight = 340, kTop = 50, kBottom = 290;
constexpr int kBarsLeft = 60, kBarsRight = 400, kLinesLeft = 480, kLinesRight = 840;
const char* const kColours[] = {"#6b7280", "#2563eb", "#059669", "#d97706", "#7c3aed", "#dc2626"};

const char* colour(std::size_t i) { return kColours[i % std::size(kColours)]; }

// A round number not below `value`.
double round_up(double value) {
  if (value <= 0) return 1;
  const double unit = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0})
    if (value <= step * unit) return step * unit;
  return 10 * unit;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* fill = "#111827") {
  return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y, anchor, fill,
                     escaped(text));
}

double height_of(double value, double top) { return kBottom - (kBottom - kTop) * value / top; }

std::string axis(int left, int right, double top, const std::string& title) {
  std::string svg = text_at(left, kTop - 22, "start", title);
  for (int i = 0; i <= 4; ++i) {
    const double value = top * i / 4, y = height_of(value, top);
    svg +=
        fmt::format("<line x1=\"{}\" y1=\"{:.0f}\" x2=\"{}\" y2=\"{:.0f}\" stroke=\"#e5e7eb\"/>\n", left, y, right, y);
    svg += text_at(left - 6, y + 4, "end", fmt::format("{:g}", value), "#6b7280");
  }
  return svg;
}

std::string bars(const BenchReport& report) {
  double largest = 0;
  for (const BenchedModel& model : report.models) largest = std::max(largest, model.speed.decode.max);
  const double top = round_up(largest),
               pitch = double(kBarsRight - kBarsLeft) / double(std::max<std::size_t>(report.models.size(), 1));
  std::string svg = axis(kBarsLeft, kBarsRight, top, "tokens/s, one request");
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const Spread& speed = report.models[i].speed.decode;
    const double x = kBarsLeft + pitch * (double(i) + 0.5), width = std::min(60.0, pitch * 0.6),
                 y = height_of(speed.median, top);
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                       x - width / 2, y, width, kBottom - y, colour(i));
    svg += text_at(x, y - 6, "middle", fmt::format("{:.1f}", speed.median));
    svg += text_at(x, kBottom + 18, "middle", report.models[i].format);
  }
  return svg;
}

std::string lines(const BenchReport& report) {
  double largest = 0, deepest = 1, least = 1e9;
  for (const BenchedModel& model : report.models)
    for (const SpeedAt& at : model.speed.depth) {
      largest = std::max(largest, at.speed.median);
      deepest = std::max(deepest, double(at.tokens)), least = std::min(least, double(at.tokens));
    }
  if (largest == 0 || deepest <= least) return {};
  const double top = round_up(largest);
  const auto x_of = [&](int tokens) {
    return kLinesLeft + (kLinesRight - kLinesLeft) * std::log2(tokens / least) / std::log2(deepest / least);
  };
  std::string svg = axis(kLinesLeft, kLinesRight, top, "tokens/s over the depth of the context");
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    std::string points;
    for (const SpeedAt& at : report.models[i].speed.depth)
      points += fmt::format("{:.1f},{:.1f} ", x_of(at.tokens), height_of(at.speed.median, top));
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, colour(i));
  }
  for (const SpeedAt& at : report.models[0].speed.depth)
    svg += text_at(x_of(at.tokens), kBottom + 18, "middle", fmt::format("{}", at.tokens), "#6b7280");
  return svg;
}

}  // namespace

std::string bench_svg(const BenchReport& report) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
             "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
             kWidth, kHeight) +
         bars(report) + lines(report) + text_at(kBarsLeft, kHeight - 10, "start", report.device, "#6b7280") +
         "</svg>\n";
}

}  // namespace nibble::eval
