// nibble generate: token ids in, token ids out, with no tokenizer between.
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"
#include "engine/engine.h"

namespace nibble::cli {
namespace {

struct Options {
  ModelOptions model;
  SamplingOptions sampling;
  std::string input_ids;
  std::optional<std::int64_t> logprobs;
};

constexpr int kBatchRows = 128;

json::object logprob_json(const engine::TokenLogprob& token) { return {{"id", token.id}, {"logprob", token.logprob}}; }

json::object logprobs_json(const engine::SampledToken& token) {
  json::object all = logprob_json({token.id, *token.logprob});
  json::array& top = all["top"].emplace_array();
  for (const engine::TokenLogprob& one : token.top) top.push_back(logprob_json(one));
  return all;
}

void generate(const Options& options) {
  const auto device = make_device(options.model);
  const format::Gemma4Config config = load_config(options.model);
  const int n_vocab = config.text.n_vocab;
  const auto generation = engine::load_generation_config(options.model.directory, n_vocab, config.eos_token_ids);
  engine::Request request{.prompt_ids = parse_ids(options.input_ids, "--input-ids"),
                          .params = sampling_params(options.sampling, generation.defaults, n_vocab)};
  request.params.logprobs = options.logprobs;
  engine::validate(request.params, n_vocab);
  const std::int64_t wanted = std::int64_t(request.prompt_ids.size()) + *request.params.max_new_tokens;
  const int longest = int(std::min<std::int64_t>(std::max<std::int64_t>(wanted, 2), config.text.max_positions));
  const int max_model_len = context_length(options.model, config.text, longest);
  engine::validate_prompt(request.prompt_ids, n_vocab, max_model_len);

  const model::Weights weights = load_weights(options.model, *device);
  engine::Engine engine(*device, weights, generation.eos_token_ids,
                        {.max_model_len = max_model_len, .max_batch_rows = kBatchRows});
  engine.submit(std::move(request));
  json::array ids, logprobs;
  while (!engine.idle())
    for (const engine::Event& event : engine.step()) {
      if (event.finish == engine::FinishReason::kError) throw Error("{}", event.error);
      ids.push_back(event.token->id);
      if (options.logprobs) logprobs.push_back(logprobs_json(*event.token));
    }
  json::object out{{"ids", std::move(ids)}};
  if (options.logprobs) out["logprobs"] = std::move(logprobs);
  std::printf("%s\n", json::serialize(out).c_str());
}

}  // namespace

void add_generate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  add_model_options(app, options->model);
  add_sampling_options(app, options->sampling);
  app.add_option("--input-ids", options->input_ids, "the prompt's token ids, separated by commas")->required();
  app.add_option("--max-new-tokens", options->sampling.max_new_tokens, "at most this many")->required();
  app.add_option("--logprobs", options->logprobs, "of each token, and of this many of the most likely");
  app.callback([options] { generate(*options); });
}

}  // namespace nibble::cli
