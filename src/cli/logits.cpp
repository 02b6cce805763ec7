// nibble logits: the logits of every token of a prompt and, if asked, every activation on the way, for comparing with a
// reference.
#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/error.h"
#include "cli/activation_file.h"
#include "cli/cli.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"
#include "engine/request.h"
#include "model/gemma4.h"

namespace nibble::cli {
namespace {

struct Options {
  ModelOptions model;
  std::string input_ids, output;
  bool activations = false;
};

// Tokens a step: logits take a megabyte each, all activations of the largest model ten.
constexpr int kLogitRows = 64, kActivationRows = 16;

// The name that golden files give an activation: "hidden.layer03", "sub.layer03.self_attn.q_norm".
std::string tensor_name(std::string_view name, int layer) {
  if (name == "layer") return fmt::format("hidden.layer{:02}", layer);
  if (name == "embed" || name == "norm" || name == "ple" || name == "ple_token") return fmt::format("hidden.{}", name);
  return fmt::format("sub.layer{:02}.{}", layer, name);
}

// Where an activation belongs. Norms of heads are stored by head, per-layer embeddings by layer; those of the layers
// from `layer` on may come alone.
Piece piece_of(std::string_view name, int layer, const device::Array& value, const format::TextConfig& config) {
  Piece piece{.tensor = tensor_name(name, layer), .token_shape = {value.cols}, .width = value.cols};
  if (name == "ple" || name == "ple_token") {
    piece.token_shape = {std::int64_t(config.layers.size()), config.d_ple};
    if (name == "ple") piece.first_column = layer * config.d_ple;
  } else if (name == "self_attn.q_norm" || name == "self_attn.k_norm" || name == "self_attn.v_norm") {
    const int head_dim = config.layers[std::size_t(layer)].head_dim;
    piece.token_shape = {value.cols / head_dim, head_dim};
  }
  return piece;
}

void logits(const Options& options) {
  ModelOptions model = options.model;
  if (model.lm_head == "auto") model.lm_head = "exact";  // every logit is wanted: no int8 copy to make
  const auto device = make_device(model);
  const format::TextConfig text = load_config(options.model).text;
  const std::vector<int> ids = parse_ids(options.input_ids, "--input-ids");
  const int longest = int(std::min<std::size_t>(ids.size() + 1, std::size_t(text.max_positions)));
  engine::validate_prompt(ids, text.n_vocab, context_length(options.model, text, longest));
  const int n_tokens = int(ids.size());
  const int max_rows = std::min(n_tokens, options.activations ? kActivationRows : kLogitRows);

  const model::Weights weights = load_weights(options.model, *device);
  model::Gemma4 gemma(*device, weights, max_rows);
  model::KvCache cache(*device, text, {.max_positions = n_tokens, .max_batch_rows = max_rows});
  const int sequence = cache.open();
  check(cache.reserve(sequence, n_tokens), "the cache is as long as the prompt");

  ActivationFile file(options.output, n_tokens);
  int first = 0;
  const auto add = [&](Piece piece, const device::Array& value) {
    piece.values.resize(std::size_t(value.rows) * std::size_t(value.cols));
    device->read(value, piece.values);
    file.add(first, std::move(piece));
  };
  model::Observer observer;
  if (options.activations)
    observer.activation = [&](std::string_view name, int layer, device::Array value) {
      add(piece_of(name, layer, value, text), value);
    };
  for (; first < n_tokens; first += max_rows) {
    std::vector<model::Row> rows;
    for (int i = first; i < std::min(n_tokens, first + max_rows); ++i)
      rows.push_back({ids[std::size_t(i)], sequence, i, true});
    const device::Array out = gemma.step(rows, cache, &observer);
    add({.tensor = "logits", .token_shape = {out.cols}, .width = out.cols}, out);
    if (first == 0) file.begin();
  }
  file.finish();
}

}  // namespace

void add_logits(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  add_model_options(app, options->model);
  app.add_option("--input-ids", options->input_ids, "the prompt's token ids, separated by commas")->required();
  app.add_flag("--activations", options->activations, "every named activation, too");
  app.add_option("--output", options->output, "the safetensors file to write")->required();
  app.callback([options] { logits(*options); });
}

}  // namespace nibble::cli
