// nibble inspect MODEL [--bandwidth GB/s] [--json]: where a checkpoint's bytes are and what a token reads of
// them. Reads headers, never weights, so a model larger than memory takes a moment.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/json.h"
#include "cli/cli.h"
#include "model/footprint.h"

namespace nibble::cli {
namespace {

using format::Checkpoint;
using format::Gemma4Config;
using format::TextConfig;
using model::Bytes;
using model::Component;
using model::Footprint;
using model::FormatFootprint;
using model::kComponents;

constexpr double kSparkBandwidth = 273;  // GB/s, the memory of NVIDIA's DGX Spark

struct Arguments {
  std::string model;
  double bandwidth = kSparkBandwidth;
  bool json = false;
};

// "5.637 GB": four digits in a decimal unit, as bandwidths are given.
std::string size_text(std::uint64_t bytes) {
  if (bytes == 0) return "-";
  double value = double(bytes);
  const char* unit = "B";
  for (const char* next : {"KB", "MB", "GB", "TB"}) {
    if (value < 999.95) break;
    value /= 1000;
    unit = next;
  }
  if (unit[0] == 'B') return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 9.9995 ? 3 : value < 99.995 ? 2 : 1, unit);
}

double percent(std::uint64_t part, std::uint64_t whole) { return whole ? 100.0 * double(part) / double(whole) : 0; }

double tokens_per_second(const FormatFootprint& format, double bandwidth) {
  return bandwidth * 1e9 / double(format.total().per_token);
}

std::string label(Component component, const TextConfig& text) {
  switch (component) {
    case Component::kPleTable:
    case Component::kEmbedding: return fmt::format("{}, one row", model::name_of(component));
    case Component::kHead: return text.tied_head ? "head (the embedding, BF16)" : "head (BF16)";
    case Component::kExperts: return fmt::format("experts, {} of {}, and router", text.n_experts_used, text.n_experts);
    default: return model::name_of(component);
  }
}

void print_row(const std::string& name, const std::vector<std::string>& cells) {
  std::string line = fmt::format("  {:<30}", name);
  for (const std::string& cell : cells) line += fmt::format("{:>15}", cell);
  std::printf("%s\n", line.c_str());
}

// One line a component that has such bytes in any format, and their sum.
void print_block(const Footprint& footprint, const char* title, std::uint64_t Bytes::*field, const TextConfig* labels) {
  std::vector<std::string> cells;
  for (const FormatFootprint& format : footprint.formats) cells.push_back(format.format);
  std::printf("\n");
  std::string line = fmt::format("{:<32}", title);
  for (const std::string& cell : cells) line += fmt::format("{:>15}", cell);
  std::printf("%s\n", line.c_str());
  for (std::size_t c = 0; c < kComponents; ++c) {
    bool any = false;
    cells.clear();
    for (const FormatFootprint& format : footprint.formats) {
      any = any || format.components[c].*field > 0;
      cells.push_back(size_text(format.components[c].*field));
    }
    if (any) print_row(labels ? label(Component(c), *labels) : model::name_of(Component(c)), cells);
  }
  cells.clear();
  for (const FormatFootprint& format : footprint.formats) cells.push_back(size_text(format.total().*field));
  print_row("total", cells);
}

// The format that the sentences speak of: what this model would be served as.
const FormatFootprint& spoken_of(const Footprint& footprint) {
  for (const FormatFootprint& format : footprint.formats)
    if (format.format == "NVFP4A16") return format;
  return footprint.formats.front();
}

// A paragraph of at most 100 columns a line.
void print_wrapped(const std::string& text) {
  constexpr std::size_t kColumns = 100;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.size();
    if (end - begin > kColumns) end = text.rfind(' ', begin + kColumns);
    std::printf("%s\n", text.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
}

void print_notes(const Footprint& footprint, const TextConfig& text, double bandwidth) {
  const FormatFootprint &stored = footprint.formats.front(), &served = spoken_of(footprint);
  const Bytes head = served.of(Component::kHead), experts = served.of(Component::kExperts);
  const std::uint64_t per_token = served.total().per_token;
  std::printf("\n");
  if (text.d_ple > 0) {
    const Bytes ple = stored.of(Component::kPleTable);
    print_wrapped(fmt::format(
        "PLE: the table is {:.1f} % of the checkpoint ({}), and {:.4f} % of what a token reads: a gather of "
        "one row, {} bytes. It takes room and no bandwidth, in any format, so it is not what keeps a "
        "quantized model from being faster. Here it stays in the file.",
        percent(ple.stored, stored.total().stored), size_text(ple.stored),
        percent(ple.per_token, stored.total().per_token), ple.per_token));
  }
  print_wrapped(
      fmt::format("Head: every row is read for every token, {}. It stays BF16, which keeps logits exact, and so is "
                  "{:.1f} % of the reads in {} ({:.1f} % in {}).",
                  size_text(head.per_token), percent(head.per_token, per_token), served.format,
                  percent(head.per_token, stored.total().per_token), stored.format));
  if (text.n_experts > 0)
    print_wrapped(fmt::format("Experts: a token reads {} of {}, {} of the {} that are held.", text.n_experts_used,
                              text.n_experts, size_text(experts.per_token), size_text(experts.resident)));
  print_wrapped(
      fmt::format("Keys and values in BF16 are read as well: {} for each position of context in full layers (of which "
                  "{} are kept, layers share), at most {} in sliding ones; half as much with --kv-cache-dtype fp8.",
                  size_text(footprint.kv_read), size_text(footprint.kv_kept), size_text(footprint.kv_window)));
  print_wrapped(
      fmt::format("Tokens/s is bandwidth / bytes read: an upper bound for one sequence of short context. {:g} GB/s{}.",
                  bandwidth, bandwidth == kSparkBandwidth ? " is a DGX Spark's; --bandwidth sets another" : ""));
}

void print_table(const Checkpoint& checkpoint, const Gemma4Config& config, const Footprint& footprint,
                 double bandwidth) {
  const TextConfig& text = config.text;
  int n_full = 0, n_shared = 0;
  for (int i = 0; i < int(text.layers.size()); ++i) {
    n_full += text.layers[std::size_t(i)].kind == format::AttentionKind::kFull;
    n_shared += text.layers[std::size_t(i)].kv_source != i;
  }
  std::printf("%s\n", checkpoint.directory().c_str());
  std::printf("Gemma 4, %zu layers (%zu sliding, %d full; %d use another's keys and values), width %d, %d tokens\n",
              text.layers.size(), text.layers.size() - std::size_t(n_full), n_full, n_shared, text.d_model,
              text.n_vocab);
  std::printf("stored as %s: %s in %zu tensors, %zu file%s\n", footprint.formats.front().format.c_str(),
              size_text(checkpoint.total_bytes()).c_str(), checkpoint.n_tensors(), checkpoint.shards().size(),
              checkpoint.shards().size() == 1 ? "" : "s");
  print_block(footprint, "In the checkpoint", &Bytes::stored, nullptr);
  print_block(footprint, "In memory, text only", &Bytes::resident, nullptr);
  print_block(footprint, "Read for one decoded token", &Bytes::per_token, &text);
  std::vector<std::string> cells;
  for (const FormatFootprint& format : footprint.formats)
    cells.push_back(fmt::format("{:.1f}", tokens_per_second(format, bandwidth)));
  print_row(fmt::format("tokens/s at {:g} GB/s", bandwidth), cells);
  print_notes(footprint, text, bandwidth);
}

json::value bytes_json(const Bytes& bytes) {
  return {{"checkpoint", bytes.stored}, {"resident", bytes.resident}, {"per_token", bytes.per_token}};
}

json::value report(const Checkpoint& checkpoint, const Gemma4Config& config, const Footprint& footprint,
                   double bandwidth) {
  json::object formats, n_tensors;
  for (const FormatFootprint& format : footprint.formats) {
    json::object components;
    for (std::size_t c = 0; c < kComponents; ++c)
      components[model::name_of(Component(c))] = bytes_json(format.components[c]);
    formats[format.format] = {{"components", components},
                              {"total", bytes_json(format.total())},
                              {"predicted_tokens_per_second", tokens_per_second(format, bandwidth)}};
  }
  for (std::size_t c = 0; c < kComponents; ++c) n_tensors[model::name_of(Component(c))] = footprint.n_tensors[c];
  return {{"model", checkpoint.directory()},
          {"n_layers", config.text.layers.size()},
          {"n_tensors", checkpoint.n_tensors()},
          {"n_files", checkpoint.shards().size()},
          {"total_bytes", checkpoint.total_bytes()},
          {"stored_as", footprint.formats.front().format},
          {"tensors", n_tensors},
          {"bandwidth_gb_per_s", bandwidth},
          {"formats", formats},
          {"kv_bytes_per_position", {{"kept", footprint.kv_kept}, {"read", footprint.kv_read}}},
          {"kv_sliding_bytes_read_at_most", footprint.kv_window}};
}

void run(const Arguments& arguments) {
  const Gemma4Config config = format::load_gemma4_config(arguments.model);
  const Checkpoint checkpoint = Checkpoint::open(arguments.model);
  const Footprint footprint = model::measure(checkpoint, config);
  if (arguments.json) {
    std::printf("%s\n", pretty_json(report(checkpoint, config, footprint, arguments.bandwidth)).c_str());
  } else {
    print_table(checkpoint, config, footprint, arguments.bandwidth);
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("model", arguments->model, "model directory")->required();
  app.add_option("--bandwidth", arguments->bandwidth, "of memory, in GB/s: what tokens a second are predicted with")
      ->check(CLI::Range(0.001, 1e9))
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "JSON on stdout");
  app.callback([arguments] { run(*arguments); });
}

}  // namespace nibble::cli
