#include "engine/generation_config.h"

#include <algorithm>

#include "base/file.h"

namespace nibble::engine {
namespace {

constexpr std::size_t kMaxEosTokens = 64;
constexpr std::uint64_t kMaxFileBytes = 1 << 20;

int token_id(const json::value& value, const std::string& source, int n_vocab) {
  if (!value.is_int64() || value.get_int64() < 0 || value.get_int64() >= n_vocab)
    throw Error("{}: eos_token_id: expected ids from 0 to {}, found {}", source, n_vocab - 1, json::serialize(value));
  return int(value.get_int64());
}

std::vector<int> token_ids(const json::value* value, const std::string& source, int n_vocab) {
  if (value == nullptr) return {};
  if (!value->is_array()) return {token_id(*value, source, n_vocab)};
  const json::array& array = value->get_array();
  if (array.size() > kMaxEosTokens)
    throw Error("{}: eos_token_id: expected at most {} ids, found {}", source, kMaxEosTokens, array.size());
  std::vector<int> ids;
  for (const json::value& id : array) ids.push_back(token_id(id, source, n_vocab));
  return ids;
}

void sort_and_unique(std::vector<int>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

GenerationConfig parse_generation_config(const json::value& value, const std::string& source, int n_vocab) {
  const JsonFields fields(value, source);
  GenerationConfig config;
  SamplingParams& defaults = config.defaults;
  defaults.temperature = fields.number("temperature", defaults.temperature);
  defaults.top_k = fields.integer("top_k", {.min = -1, .max = std::int64_t{1} << 31}, defaults.top_k);
  defaults.top_p = fields.number("top_p", defaults.top_p);
  defaults.min_p = fields.number("min_p", defaults.min_p);
  defaults.repetition_penalty = fields.number("repetition_penalty", defaults.repetition_penalty);
  if (fields.has("max_new_tokens"))
    defaults.max_new_tokens = fields.integer("max_new_tokens", {.min = 1, .max = std::int64_t{1} << 31});
  if (!fields.boolean("do_sample", true)) defaults.temperature = 0;
  config.eos_token_ids = token_ids(fields.find("eos_token_id"), source, n_vocab);
  sort_and_unique(config.eos_token_ids);
  try {
    validate(defaults, n_vocab);
  } catch (const RequestError& error) {
    throw Error("{}: {}", source, error.what());
  }
  return config;
}

GenerationConfig load_generation_config(const std::string& directory, int n_vocab, const std::vector<int>& config_eos) {
  GenerationConfig config;
  const std::string path = directory + "/generation_config.json";
  if (file_exists(path)) config = parse_generation_config(parse_json_file(path, kMaxFileBytes), path, n_vocab);
  config.eos_token_ids.insert(config.eos_token_ids.end(), config_eos.begin(), config_eos.end());
  sort_and_unique(config.eos_token_ids);
  return config;
}

}  // namespace nibble::engine
