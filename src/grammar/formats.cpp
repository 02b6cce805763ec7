#include "grammar/formats.h"

#include <fmt/format.h>

namespace nibble::grammar {
namespace {

// Gregorian: every fourth year leaps, of full centuries every fourth. The year 0000 is not in Python's calendar.
const std::string& date() {
  static const std::string pattern = [] {
    const std::string year = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})";
    const std::string leap_in_century = "(0[48]|[2468][048]|[13579][26])";
    const std::string leap = fmt::format("([0-9]{{2}}{0}|{0}00)", leap_in_century);
    const std::string days =
        "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
    return fmt::format("({}-{}|{}-02-29)", year, days, leap);
  }();
  return pattern;
}

constexpr const char* kTime =
    "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
constexpr const char* kDuration =
    "P([0-9]+W|([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)"
    "(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))?"
    "|T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))";
constexpr const char* kLabel = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
constexpr const char* kByte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

std::string ipv6() {
  const std::string ipv4 = fmt::format("{0}(\\.{0}){{3}}", kByte);
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string tail = fmt::format("({0}:{0}|{1})", group, ipv4);  // the last 32 bits
  std::string all = fmt::format("({}:){{6}}{}", group, tail);
  // n groups, "::", and what is left to at most 7 in all.
  for (int n = 0; n <= 7; ++n) {
    const std::string before = n == 0 ? "" : fmt::format("{0}(:{0}){{{1}}}", group, n - 1);
    all += fmt::format("|{}::", before);
    if (n <= 6) all += fmt::format("|{0}::({1}:){{0,{2}}}{1}", before, group, 6 - n);
    if (n <= 5) all += fmt::format("|{0}::({1}:){{0,{2}}}{3}", before, group, 5 - n, ipv4);
  }
  return all;
}

}  // namespace

std::optional<std::string> format_pattern(std::string_view format) {
  if (format == "date") return date();
  if (format == "time") return kTime;
  if (format == "date-time") return fmt::format("{}[tT]{}", date(), kTime);
  if (format == "duration") return kDuration;
  if (format == "uuid") return "[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}";
  if (format == "ipv4") return fmt::format("{0}(\\.{0}){{3}}", kByte);
  if (format == "ipv6") return ipv6();
  if (format == "hostname") return fmt::format("{0}(\\.{0})*", kLabel);
  if (format == "email")
    return fmt::format("[A-Za-z0-9!#$%&'*+/=?^_`\\{{|\\}}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`\\{{|\\}}~-]+)*@{0}(\\.{0})*",
                       kLabel);
  return std::nullopt;
}

}  // namespace nibble::grammar
