// The engine on the tiny golden models: what a request gets must not depend on what runs beside it, how its prompt is cut,
// or which KV was there already.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "device/cpu/cpu_device.h"
#include "support/goldens.h"

namespace nibble::engine {
namespace {

namespace fs = std::filesystem;
using testing::GoldenFile;

std::vector<fs::path> models() {
  std::vector<fs::path> all;
  for (const char* form : {"text-e4b-like", "text-e2b-like", "text-26b-a4b-like", "text-31b-like"})
    for (const fs::path& folder : testing::golden_folders(fs::path("model") / form)) all.push_back(folder);
  return all;
}

struct Loaded {
  explicit Loaded(const fs::path& folder, bool reference = false)
      : device(device::make_cpu_device({.n_threads = 2, .reference = reference})),
        weights(model::load_weights((folder / "model").string(), *device)) {}

  Engine engine(const EngineLimits& limits) { return Engine(*device, weights, weights.config.eos_token_ids, limits); }

  std::unique_ptr<device::Device> device;
  model::Weights weights;
};

struct Answer {
  std::vector<int> ids;
  std::optional<FinishReason> finish;
  std::string error;
  std::size_t n_cached = 0;
  bool operator==(const Answer& other) const {
    return ids == other.ids && finish == other.finish && error == other.error;
  }
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << (answer.finish ? name_of(*answer.finish) : "unfinished") << ' ' << answer.error;
  for (const int id : answer.ids) out << ' ' << id;
  return out;
}

void collect(const std::vector<Event>& events, std::map<RequestId, Answer>& answers) {
  for (const Event& event : events) {
    Answer& answer = answers[event.id];
    if (event.token) answer.ids.push_back(event.token->id);
    if (event.finish) answer.finish = event.finish;
    answer.error = event.error;
    answer.n_cached = event.n_cached;
  }
}

Answer run(Engine& engine, Request request) {
  const RequestId id = engine.submit(std::move(request));
  std::map<RequestId, Answer> answers;
  while (!engine.idle()) collect(engine.step(), answers);
  return answers[id];
}

// Prompts of many lengths, greedy and seeded, with and without end tokens.
std::vector<Request> requests(int n, int n_vocab, std::size_t longest = 90) {
  std::mt19937 random(7);
  std::vector<Request> all;
  for (int i = 0; i < n; ++i) {
    Request request;
    const std::size_t length = 1 + random() % longest;
    for (std::size_t t = 0; t < length; ++t) request.prompt_ids.push_back(int(random() % std::uint32_t(n_vocab)));
    request.params.temperature = i % 2 == 0 ? 0 : 1.0;
    request.params.top_k = i % 3 == 0 ? 20 : 0;
    request.params.top_p = i % 4 == 1 ? 0.9 : 1;
    request.params.repetition_penalty = i % 5 == 2 ? 1.3 : 1;
    request.params.seed = std::uint64_t(i);
    request.params.max_new_tokens = 1 + i * 5 % 17;
    request.params.ignore_eos = i % 2 == 0;
    all.push_back(std::move(request));
  }
  return all;
}

TEST(Engine, GreedyFollowsTheReference) {
  ASSERT_FALSE(models().empty());
  for (const fs::path& folder : models()) {
    SCOPED_TRACE(folder);
    const GoldenFile golden(folder / "goldens.safetensors");
    Loaded loaded(folder, true);
    for (int p = 0; p < 8; ++p) {
      const std::string greedy = "greedy" + std::to_string(p);
      if (!golden.has(greedy + ".ids")) continue;
      Engine engine = loaded.engine({.max_model_len = 400, .max_batch_rows = 32});
      Request request{.prompt_ids = golden.ids("prompt" + std::to_string(p) + ".input_ids")};
      const std::vector<int> expected = golden.ids(greedy + ".ids");
      request.params = {.temperature = 0, .max_new_tokens = std::int64_t(expected.size()), .ignore_eos = true};
      const Answer answer = run(engine, std::move(request));
      const std::vector<float> margin = golden.floats(greedy + ".margin");
      ASSERT_EQ(answer.ids.size(), expected.size());
      EXPECT_EQ(answer.finish, FinishReason::kLength);
      for (std::size_t i = 0; i < expected.size() && margin[i] > 1e-2f; ++i)
        ASSERT_EQ(answer.ids[i], expected[i]) << greedy << " token " << i;
    }
  }
}

TEST(Engine, NeighboursAndChunksChangeNothing) {
  ASSERT_FALSE(models().empty());
  for (const fs::path& folder : models()) {
    SCOPED_TRACE(folder);
    Loaded loaded(folder);
    const std::vector<Request> all = requests(9, loaded.weights.config.text.n_vocab, 60);
    std::vector<Answer> alone;
    for (const Request& request : all) {
      Engine engine = loaded.engine({.max_model_len = 128, .max_batch_rows = 128});
      alone.push_back(run(engine, request));
      EXPECT_TRUE(alone.back().finish.has_value());
    }
    for (const EngineLimits& limits :
         {EngineLimits{.max_model_len = 128, .max_sequences = 1, .max_batch_rows = 1},
          EngineLimits{.max_model_len = 128, .max_sequences = 3, .max_batch_rows = 7},
          EngineLimits{.max_model_len = 128, .max_sequences = 9, .max_batch_rows = 64},
          EngineLimits{.max_model_len = 120, .max_sequences = 4, .max_batch_rows = 33, .pool_positions = 160}}) {
      Engine engine = loaded.engine(limits);
      const int blocks = engine.free_kv_blocks();
      std::vector<RequestId> ids;
      std::map<RequestId, Answer> answers;
      for (const Request& request : all) {
        ids.push_back(engine.submit(request));
        collect(engine.step(), answers);
      }
      while (!engine.idle()) collect(engine.step(), answers);
      for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_EQ(answers[ids[i]], alone[i]) << "request " << i << ", " << limits.max_batch_rows << " rows";
      EXPECT_EQ(engine.free_kv_blocks(), blocks);
    }
  }
}

TEST(Engine, CancellingOthersChangesNothingAndLeavesNothing) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  const std::vector<Request> all = requests(8, loaded.weights.config.text.n_vocab, 30);
  std::vector<Answer> alone;
  for (const Request& request : all) {
    Engine engine = loaded.engine({.max_model_len = 64, .max_batch_rows = 16});
    alone.push_back(run(engine, request));
  }
  std::mt19937 random(3);
  Engine engine = loaded.engine({.max_model_len = 64, .max_sequences = 3, .max_batch_rows = 16, .pool_positions = 128});
  const int blocks = engine.free_kv_blocks();
  std::map<RequestId, std::size_t> which;
  std::map<RequestId, Answer> answers;
  int finished = 0, cancelled = 0;
  for (int round = 0; round < 300; ++round) {
    if (random() % 3 == 0 && round < 250) {
      const std::size_t i = random() % all.size();
      which[engine.submit(all[i])] = i;
    }
    if (random() % 6 == 0 && !which.empty()) {
      auto victim = which.begin();
      std::advance(victim, long(random() % which.size()));
      EXPECT_TRUE(engine.cancel(victim->first));
      EXPECT_FALSE(engine.cancel(victim->first));
      which.erase(victim);
      ++cancelled;
    }
    collect(engine.step(), answers);
    for (auto request = which.begin(); request != which.end();) {
      const Answer& answer = answers[request->first];
      if (answer.finish) {
        EXPECT_EQ(answer, alone[request->second]);
        ++finished;
        request = which.erase(request);
      } else {
        ++request;
      }
    }
  }
  while (!engine.idle()) collect(engine.step(), answers);
  EXPECT_EQ(engine.free_kv_blocks(), blocks);
  EXPECT_GT(finished, 10);
  EXPECT_GT(cancelled, 10);
}

// A conversation: each prompt is the last one, its answer and more; and prompts that part from the kept sequence near its
// end and near its beginning, where the sliding layers' rings have gone on.
TEST(Engine, KeptCacheChangesNothing) {
  ASSERT_FALSE(models().empty());
  for (const fs::path& folder : models()) {
    SCOPED_TRACE(folder);
    Loaded loaded(folder);
    const EngineLimits limits{.max_model_len = 512, .max_sequences = 2, .max_batch_rows = 8};
    Engine keeping = loaded.engine(limits);
    std::mt19937 random(11);
    std::vector<int> conversation;
    const std::uint32_t n_vocab = std::uint32_t(loaded.weights.config.text.n_vocab);
    std::size_t reused = 0;
    for (int turn = 0; turn < 9; ++turn) {
      if (turn == 3 || turn == 5) conversation.resize(conversation.size() - 5);
      if (turn == 7) conversation.resize(20);
      for (int i = 0; i < 25; ++i) conversation.push_back(int(random() % n_vocab));
      const Request request{
          .prompt_ids = conversation,
          .params = {.temperature = turn % 2 == 0 ? 0.0 : 1.0, .seed = 5, .max_new_tokens = 9, .ignore_eos = true},
          .keep_cache = true};
      Engine fresh = loaded.engine(limits);
      const Answer answer = run(keeping, request);
      EXPECT_EQ(answer, run(fresh, request)) << "turn " << turn;
      if (turn > 0 && turn != 7) {
        EXPECT_GT(answer.n_cached, conversation.size() - 25 - 20) << "turn " << turn;
      }
      reused += answer.n_cached;
      const Answer again = run(keeping, request);  // all of it is there: its last token runs once more
      EXPECT_EQ(again, answer);
      EXPECT_EQ(again.n_cached, conversation.size() - 1);
      conversation.insert(conversation.end(), answer.ids.begin(), answer.ids.end());
    }
    EXPECT_GT(reused, 400u);
  }
}

// Each prompt parts from the last a little earlier: what the rings lost to the longest of them stays lost, however short
// the sequence is by now.
TEST(Engine, GoingBackAgainAndAgainChangesNothing) {
  ASSERT_FALSE(models().empty());
  for (const fs::path& folder : models()) {
    SCOPED_TRACE(folder);
    Loaded loaded(folder);
    const EngineLimits limits{.max_model_len = 320, .max_batch_rows = 8};
    Engine keeping = loaded.engine(limits);
    std::mt19937 random(13);
    std::vector<int> tokens;
    const auto add = [&](int n) {
      while (n-- > 0) tokens.push_back(int(random() % std::uint32_t(loaded.weights.config.text.n_vocab)));
    };
    add(300);
    int reused = 0, lost = 0;
    for (int turn = 0; turn < 16; ++turn) {
      const Request request{.prompt_ids = tokens,
                            .params = {.seed = std::uint64_t(turn), .max_new_tokens = 5, .ignore_eos = true},
                            .keep_cache = true};
      Engine fresh = loaded.engine(limits);
      const Answer answer = run(keeping, request);
      EXPECT_EQ(answer, run(fresh, request)) << "turn " << turn;
      if (turn > 0) ++(answer.n_cached > 0 ? reused : lost);
      tokens.resize(tokens.size() - 12);
      add(2);
    }
    EXPECT_GT(reused, 0);
    EXPECT_GT(lost, 0);
  }
}

TEST(Engine, KeptSequencesGiveWay) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  Engine engine = loaded.engine({.max_model_len = 96, .max_sequences = 2, .max_batch_rows = 16, .pool_positions = 96});
  for (const Request& request : requests(9, loaded.weights.config.text.n_vocab, 80)) {
    Request keeping = request;
    keeping.keep_cache = true;
    Engine fresh = loaded.engine({.max_model_len = 96, .max_batch_rows = 16});
    EXPECT_EQ(run(engine, keeping), run(fresh, request));
  }
}

std::string refusal(Engine& engine, Request request) {
  try {
    engine.submit(std::move(request));
  } catch (const RequestError& error) {
    return error.what();
  }
  return "";
}

TEST(Engine, RequestsAreCheckedWhenSubmitted) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  Engine engine = loaded.engine({.max_model_len = 64, .max_sequences = 1, .max_batch_rows = 16});
  const int n_vocab = engine.n_vocab();
  EXPECT_EQ(refusal(engine, {}), "the prompt is empty: at least one token is needed");
  EXPECT_EQ(refusal(engine, {.prompt_ids = {1, n_vocab}}),
            fmt::format("the prompt's token 1 is id {}: the vocabulary has ids 0 to {}", n_vocab, n_vocab - 1));
  EXPECT_EQ(refusal(engine, {.prompt_ids = {-1}}),
            fmt::format("the prompt's token 0 is id -1: the vocabulary has ids 0 to {}", n_vocab - 1));
  EXPECT_EQ(refusal(engine, {.prompt_ids = std::vector<int>(64, 5)}),
            "the prompt has 64 tokens: with at least one to answer, a context of 64 holds at most 63");
  EXPECT_EQ(refusal(engine, {.prompt_ids = {5}, .params = {.top_p = 2}}), "top_p must be in (0, 1], got 2");
  EXPECT_TRUE(engine.idle());

  Request longest{.prompt_ids = std::vector<int>(63, 5), .params = {.max_new_tokens = 1000, .ignore_eos = true}};
  const Answer answer = run(engine, longest);
  EXPECT_EQ(answer.ids.size(), 1u);
  EXPECT_EQ(answer.finish, FinishReason::kLength);
}

TEST(Engine, StopTokensEndAnAnswer) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  Request request{.prompt_ids = {5, 6, 7}, .params = {.temperature = 0, .max_new_tokens = 20, .ignore_eos = true}};
  Engine engine = loaded.engine({.max_model_len = 64, .max_batch_rows = 16});
  const Answer free = run(engine, request);
  ASSERT_EQ(free.ids.size(), 20u);
  request.params.stop_token_ids = {free.ids[6]};
  const Answer stopped = run(engine, request);
  EXPECT_EQ(stopped.finish, FinishReason::kStop);
  EXPECT_EQ(stopped.ids.back(), free.ids[6]);
  EXPECT_LE(stopped.ids.size(), 7u);
  Engine ending(*loaded.device, loaded.weights, {free.ids[6]}, {.max_model_len = 64, .max_batch_rows = 16});
  request.params.stop_token_ids = {};
  EXPECT_EQ(run(ending, request), free);
  request.params.ignore_eos = false;
  EXPECT_EQ(run(ending, request), stopped);
}

// The bias makes token 5 certain at first; each use costs it 2, until others pass it.
TEST(Engine, PenaltiesCountTheAnswer) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  Engine engine = loaded.engine({.max_model_len = 128, .max_batch_rows = 16});
  Request request{.prompt_ids = {7}, .params = {.temperature = 0, .max_new_tokens = 100, .ignore_eos = true}};
  request.params.logit_bias = {{5, 100}};
  EXPECT_EQ(run(engine, request).ids, std::vector<int>(100, 5));
  request.params.frequency_penalty = 2;
  const std::vector<int> ids = run(engine, request).ids;
  EXPECT_EQ(ids.front(), 5);
  EXPECT_LT(std::count(ids.begin(), ids.end(), 5), 90);
}

TEST(Engine, LimitsTheModelCannotServe) {
  ASSERT_FALSE(models().empty());
  Loaded loaded(models().front());
  const int longest = loaded.weights.config.text.max_positions;
  const auto message = [&](const EngineLimits& limits) -> std::string {
    try {
      loaded.engine(limits);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(
      message({.max_model_len = longest + 1}),
      fmt::format("the context must be from 2 to {} tokens, as long as the model's positions reach; {} was asked for",
                  longest, longest + 1));
  EXPECT_EQ(message({.max_model_len = 64, .max_sequences = 9, .max_batch_rows = 8}),
            "a step of 8 rows cannot serve 9 sequences");
}

// The embedding table is read from the file in every step: a file that is cut short meanwhile fails the requests of that
// step and nothing else.
TEST(Engine, AStepThatFailsEndsItsRequestsOnly) {
  const std::vector<fs::path> found = testing::golden_folders("model/text-e2b-like");
  ASSERT_FALSE(found.empty());
  const fs::path copy = fs::temp_directory_path() / fmt::format("nibble-engine-{}", getpid());
  fs::create_directories(copy / "model");
  for (const auto& entry : fs::directory_iterator(found.front() / "model"))
    fs::copy_file(entry.path(), copy / "model" / entry.path().filename());
  const fs::path weights = copy / "model" / "model.safetensors";
  fs::permissions(weights, fs::perms::owner_read | fs::perms::owner_write);
  {
    Loaded loaded(copy);
    Engine engine = loaded.engine({.max_model_len = 64, .max_sequences = 2, .max_batch_rows = 16});
    const int blocks = engine.free_kv_blocks();
    const Request request{.prompt_ids = {5, 6, 7},
                          .params = {.temperature = 0, .max_new_tokens = 6, .ignore_eos = true}};
    const Answer expected = run(engine, request);
    EXPECT_EQ(expected.finish, FinishReason::kLength);

    const RequestId first = engine.submit(request), second = engine.submit(request), waiting = engine.submit(request);
    std::map<RequestId, Answer> answers;
    collect(engine.step(), answers);
    std::ifstream in(weights, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    fs::resize_file(weights, 64);
    collect(engine.step(), answers);
    std::ofstream(weights, std::ios::binary | std::ios::in).write(bytes.data(), std::streamsize(bytes.size()));
    while (!engine.idle()) collect(engine.step(), answers);

    for (const RequestId id : {first, second}) {
      EXPECT_EQ(answers[id].finish, FinishReason::kError);
      EXPECT_NE(answers[id].error.find("model.safetensors"), std::string::npos) << answers[id].error;
    }
    EXPECT_EQ(answers[waiting], expected);
    EXPECT_EQ(engine.free_kv_blocks(), blocks);
  }
  fs::remove_all(copy);
}

}  // namespace
}  // namespace nibble::engine
