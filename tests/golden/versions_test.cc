// What a newer version has written is refused, with a word on what to do, and nothing is changed; never misread.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/restore.h"
#include "operators/evaluator.h"
#include "operators/format.h"
#include "operators/keys.h"
#include "operators/partition_clock.h"
#include "tests/unit/runtime/engine_fixture.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRules = "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'count[5s] > 2', by: [region]}]}]";

void expect_refused(const Status& status, const std::string& what) {
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(what), HasSubstr("newer version"), HasSubstr("start that version, or a later one, here too")));
}

// Runs until some step fails.
Status failure_of(Engine& engine) {
  for (int i = 0; i < 50; ++i) {
    Status status = engine.step();
    if (!status.ok()) return status;
  }
  return {};
}

class Versions : public testing::Test {
 protected:
  Versions() : engine(plan_of(kRules)) {
    for (int64_t ms = 100; ms < 8'000; ms += 250) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
    engine.drain();
  }
  v1::PositionRow position() {
    v1::PositionRow row;
    EXPECT_TRUE(row.ParseFromString(**engine.store->get(keys::position(0))));
    return row;
  }
  void append(const std::string& topic, const std::string& key, const std::string& value) {
    log::OutRecord record;
    record.topic = topic;
    record.partition = 0;
    record.key = key;
    record.value = value;
    ASSERT_TRUE(engine.log.append(std::move(record)).ok());
  }

  Engine engine;
};

TEST_F(Versions, AreInStateAndFrames) {
  EXPECT_EQ(position().format(), state_format());
  for (const log::LogEntry& entry : engine.log.entries({"partials", 0})) {
    v1::Frame frame;
    ASSERT_TRUE(frame.ParseFromString(*entry.value));
    EXPECT_EQ(frame.format(), frame_format());
  }
}

TEST_F(Versions, ANewerFrameStopsItsPartitionAndChangesNothing) {
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(*engine.log.entries({"partials", 0}).back().value));
  frame.set_format(frame_format() + 1);
  frame.set_worker("newer-aggregate-0");
  append("partials", "", frame.SerializeAsString());
  const std::string before = position().SerializeAsString();
  const auto committed = engine.log.committed("evaluate", {"partials", 0});
  const Status status = failure_of(engine);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("newer-aggregate-0"), HasSubstr("format 2"), HasSubstr("reads up to 1"),
                                      HasSubstr("bring the processes with the role evaluate to that version")));
  EXPECT_EQ(position().SerializeAsString(), before);
  EXPECT_EQ(engine.log.committed("evaluate", {"partials", 0})->offset, committed->offset);
}

TEST_F(Versions, AStoreOfANewerVersionIsRefused) {
  v1::PositionRow row = position();
  row.set_format(state_format() + 1);
  engine.crash();
  state::WriteBatch batch;
  batch.put(keys::position(0), row.SerializeAsString());
  ASSERT_TRUE(engine.store->write(batch).ok());
  engine.start();
  expect_refused(failure_of(engine), "the state of partials partition 0 has format 3");
  EXPECT_EQ(position().format(), state_format() + 1);
}

TEST_F(Versions, AChangelogOfANewerVersionIsRefusedBeforeItIsCopied) {
  v1::PositionRow row = position();
  row.set_format(state_format() + 1);
  engine.crash();
  append("changelog", keys::position(0), row.SerializeAsString());
  engine.start();
  expect_refused(failure_of(engine), "the state of partials partition 0 has format 3");
  EXPECT_EQ(position().format(), state_format());
}

TEST_F(Versions, AChangelogRecordOfAnUnknownKindIsRefused) {
  engine.crash();
  append("changelog", keys::of(0, 'q').u64(1).take(), "?");
  engine.start();
  expect_refused(failure_of(engine), "is no row that this version of Tocsin knows");
}

TEST_F(Versions, AChangelogRecordOfAnotherPartitionIsRefused) {
  engine.crash();
  append("changelog", keys::group(1, 2, 3), "?");
  engine.start();
  expect_refused(failure_of(engine), "of partition 0 is no row");
}

TEST_F(Versions, AStoreWithANewerChangelogPositionIsRebuilt) {
  engine.crash();
  state::WriteBatch batch;
  batch.put(changelog_position_key(0), encode_changelog_position({0, WallTime{engine.now_ms}}) + "more");
  batch.put(keys::group(0, 1, 2), "of a newer version");
  ASSERT_TRUE(engine.store->write(batch).ok());
  engine.start();
  engine.drain();
  EXPECT_FALSE(engine.store->get(keys::group(0, 1, 2))->has_value());
}

TEST_F(Versions, MetadataOfANewerVersionIsToldFromForeignOnes) {
  const auto refusal_of = [](const std::string& metadata) {
    Engine other(plan_of(kRules));
    other.feed(0, event_at(100));
    other.drain();
    other.crash();
    log::Transaction transaction;
    transaction.offsets.push_back({{"in", 0}, 1, metadata});
    class Holder final : public log::ConsumerListener {
     public:
      Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override {
        return std::vector<log::StartPosition>(partitions.size());
      }
      void on_revoked(const std::vector<int32_t>&) override {}
      void on_lost(const std::vector<int32_t>&) override {}
      void on_range_lost(int32_t, int64_t, int64_t) override {}
      void on_end(int32_t, int64_t, WallTime) override {}
      void on_finished(int32_t) override {}
    } holder;
    log::MemoryConsumerOptions options;
    options.group = "aggregate";
    options.instance_id = "w";
    options.topics = {"in"};
    {
      const auto consumer = other.log.consumer(std::move(options), holder);
      log::RecordBatch batch;
      EXPECT_TRUE(consumer->poll({0}, batch).ok());
      transaction.group = consumer->group_metadata();
      EXPECT_TRUE(other.log.producer("tool")->commit(std::move(transaction)).ok());
    }
    other.start();
    return failure_of(other);
  };
  for (const char* const newer : {"t2 1700000000000 0 - 0 more", "t17"}) {
    const Status status = refusal_of(newer);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(newer), HasSubstr("a newer version of Tocsin has written")));
  }
  for (const char* const foreign : {"", "t1", "t0 - - - 0", "t01 - - - 0", "tool", "t", "2"}) {
    EXPECT_THAT(refusal_of(foreign).message(), HasSubstr("that is not ours")) << foreign;
  }
}

}  // namespace
}  // namespace tocsin
