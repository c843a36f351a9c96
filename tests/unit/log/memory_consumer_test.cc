#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/log/memory_fixture.h"
#include "tests/unit/log/recording_listener.h"

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(MemoryConsumer, ReadsFromWhereTheListenerSays) {
  LogFixture f;
  f.log.create_topic("in", {});
  for (int i = 0; i < 4; ++i) {
    f.now_ms = 1'000 + 10 * i;
    f.feed(0, fmt::format("{}", i));
  }
  const auto values_from = [&](StartPosition start) {
    RecordingListener listener;
    listener.start = start;
    const auto consumer = f.join(listener);
    std::vector<std::string> values = poll_values(*consumer);
    EXPECT_TRUE(consumer->close().ok());
    return values;
  };
  EXPECT_THAT(values_from({StartPosition::Kind::kEarliest}), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(values_from({StartPosition::Kind::kLatest}), IsEmpty());
  EXPECT_THAT(values_from({StartPosition::Kind::kTime, 1'011}), ElementsAre("2", "3"));
  EXPECT_THAT(values_from({StartPosition::Kind::kTime, 9'000}), IsEmpty());
  EXPECT_THAT(values_from({StartPosition::Kind::kOffset, 3}), ElementsAre("3"));
  EXPECT_THAT(values_from({StartPosition::Kind::kOffset, 4}), IsEmpty());
  EXPECT_THAT(values_from({StartPosition::Kind::kOffset, 5}), ElementsAre(HasSubstr("error data")));
}

TEST(MemoryConsumer, PositionSkipsControlAndRolledBackRecords) {
  LogFixture f;
  f.log.create_topic("in", {});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  const auto producer = f.log.producer("p");
  EXPECT_EQ(consumer->position(0), -1);
  ASSERT_TRUE(producer->commit({.records = {record("in", 0, "a"), record("in", 0, "b")}, .offsets = {}, .group = {}}).ok());
  EXPECT_THAT(poll_values(*consumer), ElementsAre("a", "b"));
  EXPECT_EQ(consumer->position(0), 3);
  f.log.fail_next_commit(StatusCode::kAborted);
  ASSERT_FALSE(producer->commit({.records = {record("in", 0, "never")}, .offsets = {}, .group = {}}).ok());
  EXPECT_EQ(consumer->position(0), 3);
  EXPECT_THAT(poll_values(*consumer), IsEmpty());
  EXPECT_EQ(consumer->position(0), 5);
}

TEST(MemoryConsumer, WithoutControlRecordsOffsetsHaveNoGaps) {
  LogFixture f(MemoryLogOptions{.clock = {}, .control_records = false});
  f.log.create_topic("in", {});
  const auto producer = f.log.producer("p");
  f.log.fail_next_commit(StatusCode::kAborted);
  ASSERT_FALSE(producer->commit({.records = {record("in", 0, "never")}, .offsets = {}, .group = {}}).ok());
  ASSERT_TRUE(producer->commit({.records = {record("in", 0, "a")}, .offsets = {}, .group = {}}).ok());
  EXPECT_EQ(f.log.reader()->bounds({"in", 0})->second, 1);
}

TEST(MemoryConsumer, BatchesAreBoundedAndPartitionsTakeTurns) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2});
  for (int i = 0; i < 5; ++i) {
    f.feed(0, fmt::format("a{}", i));
    f.feed(1, fmt::format("b{}", i));
  }
  RecordingListener listener;
  MemoryConsumerOptions by_count{.group = "count", .instance_id = {}, .topics = {"in"}, .poll_records_max = 3};
  const auto counted = f.log.consumer(by_count, listener);
  EXPECT_THAT(poll_values(*counted), ElementsAre("a0", "a1", "a2"));
  EXPECT_THAT(poll_values(*counted), ElementsAre("b0", "b1", "b2"));
  EXPECT_THAT(poll_values(*counted), ElementsAre("a3", "a4", "b3"));
  EXPECT_THAT(poll_values(*counted), ElementsAre("b4"));
  MemoryConsumerOptions by_bytes{.group = "bytes", .instance_id = {}, .topics = {"in"}, .poll_bytes_max = 4};
  const auto weighed = f.log.consumer(by_bytes, listener);
  EXPECT_THAT(poll_values(*weighed), ElementsAre("a0", "a1"));  // 3 bytes each, with the key
}

TEST(MemoryConsumer, APausedPartitionWaits) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  poll_values(*consumer);
  consumer->pause(0);
  f.feed(0, "a");
  f.feed(1, "b");
  EXPECT_THAT(poll_values(*consumer), ElementsAre("b"));
  EXPECT_EQ(consumer->position(0), 0);
  consumer->resume(0);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("a"));
}

TEST(MemoryConsumer, TellsWhichRangeRetentionTook) {
  LogFixture f;
  f.log.create_topic("in", {});
  for (int i = 0; i < 6; ++i) f.feed(0, fmt::format("{}", i));
  RecordingListener listener;
  MemoryConsumerOptions options{.group = "g", .instance_id = {}, .topics = {"in"}, .poll_records_max = 2};
  const auto consumer = f.log.consumer(options, listener);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("0", "1"));
  f.log.truncate({"in", 0}, 1);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("2", "3"));
  EXPECT_THAT(listener.take_calls(), ElementsAre("assigned 0"));
  f.log.truncate({"in", 0}, 5);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("5"));
  EXPECT_THAT(listener.take_calls(), ElementsAre("range lost 0 4-5"));
}

TEST(MemoryConsumer, AProbeAnswersWithTheEndAtTheTimeItWasAsked) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  f.feed(0, "a");
  poll_values(*consumer);
  listener.take_calls();
  f.now_ms = 5'000;
  consumer->probe_end(0);
  consumer->probe_end(9);  // not ours: never answered
  f.now_ms = 6'000;
  f.feed(0, "b");
  EXPECT_THAT(poll_values(*consumer), ElementsAre("b"));
  EXPECT_THAT(listener.take_calls(), ElementsAre("end 0 1 asked 5000"));
  poll_values(*consumer);
  EXPECT_THAT(listener.take_calls(), IsEmpty());
}

TEST(MemoryConsumer, RewindGoesBackToTheCommittedOffsets) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  const auto producer = f.log.producer("p");
  f.feed(0, "a");
  f.feed(0, "b");
  f.feed(1, "c");
  EXPECT_THAT(poll_values(*consumer), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(producer->commit(f.offset_of(*consumer, 1)).ok());
  consumer->pause(1);
  listener.take_calls();
  ASSERT_TRUE(consumer->rewind().ok());
  EXPECT_THAT(listener.take_calls(), ElementsAre("lost 0 1", "assigned 0@1 1"));
  EXPECT_EQ(consumer->position(0), 1);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("b", "c"));
  EXPECT_TRUE(producer->commit(f.offset_of(*consumer, 2)).ok()) << "rewinding does not change the generation";
}

TEST(MemoryConsumer, AnAssignmentThatFailedIsOfferedAgain) {
  LogFixture f;
  f.log.create_topic("in", {});
  f.feed(0, "a");
  RecordingListener listener;
  listener.assign_status = data_loss("no disk");
  const auto consumer = f.join(listener);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("error data loss: no disk"));
  EXPECT_EQ(consumer->group_metadata(), nullptr);
  EXPECT_THAT(poll_values(*consumer), ElementsAre("a"));
  EXPECT_THAT(listener.take_calls(), ElementsAre("assigned 0", "assigned 0"));
}

TEST(MemoryConsumer, CountsPartitionsByTheNewestMetadata) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2});
  RecordingListener listener;
  const auto consumer = f.join(listener, "", {"in", "later"});
  EXPECT_EQ(consumer->partition_counts().status().code(), StatusCode::kNotFound);
  f.log.create_topic("later", {});
  f.log.add_partitions("in", 3);
  EXPECT_EQ(*consumer->partition_counts(), (std::vector<std::pair<std::string, int32_t>>{{"in", 3}, {"later", 1}}));
}

TEST(MemoryConsumer, AWaitingPollWakesForRecords) {
  LogFixture f;
  f.log.create_topic("in", {});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  std::thread writer([&] { f.feed(0, "a"); });
  RecordBatch batch;
  ASSERT_TRUE(consumer->poll({60'000}, batch).ok());
  EXPECT_EQ(batch.records.size(), 1U);
  writer.join();
  ASSERT_TRUE(consumer->poll({1}, batch).ok());
  EXPECT_TRUE(batch.records.empty());
}

}  // namespace
}  // namespace tocsin::log
