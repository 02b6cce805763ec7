// The scheduler alone: who gets rows, in which order, and who waits.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include "device/cpu/cpu_device.h"

namespace nibble::engine {
namespace {

// Two layers, one of each kind, as narrow as they get.
format::TextConfig tiny_config() {
  format::TextConfig config;
  config.sliding_window = 16;
  config.max_positions = 4096;
  config.layers = {{.kind = format::AttentionKind::kSliding, .head_dim = 4, .n_kv_heads = 1, .kv_source = 0},
                   {.kind = format::AttentionKind::kFull, .head_dim = 4, .n_kv_heads = 1, .kv_source = 1}};
  return config;
}

class SchedulerTest : public ::testing::Test {
 protected:
  void make(int max_sequences, int max_batch_rows, int max_positions, int pool_positions) {
    cache_.emplace(*device_, tiny_config(),
                   model::KvLimits{.max_sequences = max_sequences,
                                   .max_positions = max_positions,
                                   .max_batch_rows = max_batch_rows,
                                   .pool_positions = pool_positions});
    scheduler_.emplace(*cache_, max_batch_rows);
  }
  void add(RequestId id, std::size_t n_prompt, std::size_t n_new, bool keep = false, int token = 7) {
    auto sequence =
        std::make_unique<Sequence>(Request{.prompt_ids = std::vector<int>(n_prompt, token), .keep_cache = keep});
    sequence->id = id;
    sequence->max_length = n_prompt + n_new;
    scheduler_->add(std::move(sequence));
  }
  // One step in which every sequence whose turn it is gets token 9: "id x rows" of each, in order.
  std::string step() {
    const Batch batch = scheduler_->next();
    std::string text;
    std::size_t row = 0;
    for (const Batch::Part& part : batch.parts) {
      text += fmt::format("{}{}x{}", text.empty() ? "" : " ", part.sequence->id, part.n_rows);
      for (std::size_t i = 0; i < part.n_rows; ++i, ++row) {
        EXPECT_EQ(batch.rows[row].position, int(part.sequence->n_computed + i));
        EXPECT_EQ(batch.rows[row].sequence, part.sequence->kv);
      }
    }
    EXPECT_EQ(row, batch.rows.size());
    scheduler_->computed(batch);
    for (Sequence* sequence : batch.wanting) {
      EXPECT_EQ(sequence->n_computed, sequence->tokens.size());
      sequence->tokens.push_back(9);
      if (sequence->tokens.size() == sequence->max_length) scheduler_->finish(sequence->id);
    }
    return text;
  }

  std::unique_ptr<device::Device> device_ = device::make_cpu_device({.n_threads = 1});
  std::optional<model::KvCache> cache_;
  std::optional<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, DecodersFirstThenPromptsInPieces) {
  make(3, 8, 64, 0);
  add(1, 2, 4);
  EXPECT_EQ(step(), "1x2");
  add(2, 10, 2);
  add(3, 6, 1);
  EXPECT_EQ(step(), "1x1 2x7");
  EXPECT_EQ(step(), "1x1 2x3 3x4");
  EXPECT_EQ(step(), "1x1 2x1 3x2");
  EXPECT_TRUE(scheduler_->idle());
  EXPECT_EQ(step(), "");
}

TEST_F(SchedulerTest, FirstComeFirstServed) {
  make(2, 8, 64, 96);  // three blocks of 32
  add(1, 4, 30);       // two blocks
  add(2, 4, 60);       // two blocks: waits for the first
  add(3, 4, 2);        // one block: would fit, but does not overtake
  EXPECT_EQ(step(), "1x4");
  EXPECT_EQ(scheduler_->n_waiting(), 2u);
  EXPECT_TRUE(scheduler_->discard(1));
  EXPECT_EQ(step(), "2x4 3x4");
  EXPECT_FALSE(scheduler_->discard(1));
  EXPECT_TRUE(scheduler_->finish(2));
  EXPECT_TRUE(scheduler_->finish(3));
  EXPECT_EQ(cache_->free_blocks(), 3);
}

TEST_F(SchedulerTest, AKeptSequenceIsContinuedAndGivesWay) {
  make(2, 64, 96, 96);
  add(1, 20, 5, true);
  EXPECT_EQ(step(), "1x20");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(step(), "1x1");
  EXPECT_EQ(cache_->free_blocks(), 2);
  add(2, 40, 1, true);  // shares 20 tokens
  EXPECT_EQ(step(), "2x20");
  EXPECT_EQ(cache_->free_blocks(), 1);
  add(3, 40, 30, false, 5);  // shares none, and needs what is kept
  EXPECT_EQ(step(), "3x40");
  EXPECT_TRUE(scheduler_->finish(3));
  EXPECT_EQ(cache_->free_blocks(), 3);
}

TEST_F(SchedulerTest, TheLongestSharedBeginningIsContinued) {
  make(4, 64, 96, 0);
  const auto add_tokens = [&](RequestId id, int n_first, int n_second) {
    std::vector<int> tokens(std::size_t(n_first), 5);
    tokens.insert(tokens.end(), std::size_t(n_second), 6);
    auto sequence = std::make_unique<Sequence>(Request{.prompt_ids = tokens, .keep_cache = true});
    sequence->id = id;
    sequence->max_length = tokens.size() + 1;
    scheduler_->add(std::move(sequence));
  };
  add_tokens(1, 4, 8);
  add_tokens(2, 20, 0);
  add_tokens(3, 10, 8);
  EXPECT_EQ(step(), "1x12 2x20 3x18");
  add_tokens(4, 10, 20);
  EXPECT_EQ(step(), "4x12");  // 18 of 30 are those of the third
}

TEST_F(SchedulerTest, AKeptSequenceWaitsForRoomWithItsRequest) {
  make(3, 64, 96, 96);  // three blocks of 32
  add(1, 20, 1, true);
  EXPECT_EQ(step(), "1x20");
  add(2, 20, 40, false, 5);  // the other two blocks
  EXPECT_EQ(step(), "2x20");
  add(3, 30, 30);  // continues the first, and needs a block more than that
  EXPECT_EQ(step(), "2x1");
  EXPECT_EQ(scheduler_->n_waiting(), 1u);
  EXPECT_TRUE(scheduler_->discard(2));
  EXPECT_EQ(step(), "3x10");
  EXPECT_TRUE(scheduler_->discard(3));
  EXPECT_EQ(cache_->free_blocks(), 3);
}

}  // namespace
}  // namespace nibble::engine
