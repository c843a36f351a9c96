#include "engine/log/memory_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/log/padding.h"
#include "tests/unit/log/memory_fixture.h"
#include "tests/unit/log/recording_listener.h"

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct Collector : PartitionReader::Visitor {
  Status record(const Record& record) override {
    if (static_cast<int64_t>(seen.size()) == fail_after) return aborted("enough");
    seen.push_back(fmt::format("{}:{}={}", record.offset, record.key, record.has_value ? record.value : "(none)"));
    return {};
  }
  std::vector<std::string> seen;
  int64_t fail_after = -1;
};

TEST(MemoryLog, KeepsKeysTombstonesHeadersAndTimes) {
  LogFixture f;
  f.log.create_topic("in", {});
  ASSERT_TRUE(f.log.append({"in", 0, "a", "1", {{"content-type", "application/json"}, {"x", "y"}}}).ok());
  f.now_ms = 2'000;
  ASSERT_TRUE(f.log.append({"in", 0, "b", std::nullopt, {}}).ok());
  ASSERT_TRUE(f.log.append({"in", 0, "c", "", {}}, 77).ok());

  RecordingListener listener;
  const auto consumer = f.join(listener);
  RecordBatch batch;
  ASSERT_TRUE(consumer->poll({}, batch).ok());
  ASSERT_EQ(batch.records.size(), 3U);
  EXPECT_EQ(batch.records[0].key, "a");
  EXPECT_EQ(batch.records[0].content_type, "application/json");
  EXPECT_EQ(batch.records[0].timestamp_ms, 1'000);
  EXPECT_FALSE(batch.records[1].has_value);
  EXPECT_EQ(batch.records[1].timestamp_ms, 2'000);
  EXPECT_TRUE(batch.records[2].has_value);
  EXPECT_EQ(batch.records[2].timestamp_ms, 77);
  EXPECT_FALSE(batch.records[2].log_append_time);

  const std::vector<LogEntry> entries = f.log.entries({"in", 0});
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].headers[1].value, "y");
  EXPECT_EQ(entries[1].value, std::nullopt);
}

TEST(MemoryLog, SaysWhetherATopicStampsWhenAppending) {
  LogFixture f;
  f.log.create_topic("in", {.log_append_time = true});
  f.feed(0, "x");
  RecordingListener listener;
  const auto consumer = f.join(listener);
  RecordBatch batch;
  ASSERT_TRUE(consumer->poll({}, batch).ok());
  EXPECT_TRUE(batch.records.at(0).log_append_time);
}

TEST(MemoryLog, ValuesHaveReadablePadding) {
  LogFixture f;
  f.log.create_topic("in", {});
  for (size_t size = 0; size < 200; ++size) f.feed(0, std::string(size, 'x'));
  RecordingListener listener;
  const auto consumer = f.join(listener);
  RecordBatch batch;
  ASSERT_TRUE(consumer->poll({}, batch).ok());
  ASSERT_EQ(batch.records.size(), 200U);
  for (const Record& each : batch.records) {
    EXPECT_TRUE(each.padded);
    // Read beyond the value on purpose: AddressSanitizer would object if this were not the record's own memory.
    for (size_t i = 0; i < kRecordPadding; ++i) EXPECT_EQ(each.value.data()[each.value.size() + i], '\0');
  }
}

TEST(MemoryLog, RecordsOutliveTheirRetention) {
  LogFixture f;
  f.log.create_topic("in", {});
  f.feed(0, "still here");
  RecordingListener listener;
  const auto consumer = f.join(listener);
  RecordBatch batch;
  ASSERT_TRUE(consumer->poll({}, batch).ok());
  f.log.truncate({"in", 0}, 1);
  EXPECT_EQ(batch.records.at(0).value, "still here");
}

TEST(MemoryLog, SendsEqualKeysToOnePartitionAndSpreadsOthers) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 8});
  for (int i = 0; i < 2; ++i) {
    for (int key = 0; key < 100; ++key) ASSERT_TRUE(f.log.append({"in", -1, fmt::format("key{}", key), "v", {}}).ok());
  }
  for (int32_t partition = 0; partition < 8; ++partition) {
    const std::vector<LogEntry> entries = f.log.entries({"in", partition});
    EXPECT_GT(entries.size(), 4U);
    EXPECT_EQ(entries.size() % 2, 0U);
  }
}

TEST(MemoryLog, RefusesRecordsThatABrokerWouldRefuse) {
  LogFixture f(MemoryLogOptions{.clock = {}, .record_bytes_max = 10});
  f.log.create_topic("in", {});
  EXPECT_EQ(f.log.append(record("out", 0, "x")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(f.log.append(record("in", 1, "x")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(f.log.append(record("in", 0, "0123456789")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(f.log.append(record("in", 0, "012345678")).ok());
}

TEST(MemoryLog, ReaderVisitsARangeInOrder) {
  LogFixture f;
  f.log.create_topic("in", {});
  const auto producer = f.log.producer("p");
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(producer->commit({.records = {record("in", 0, fmt::format("{}", i))}, .offsets = {}, .group = nullptr}).ok());
  }
  const auto reader = f.log.reader();
  EXPECT_EQ(*reader->bounds({"in", 0}), (std::pair<int64_t, int64_t>{0, 600}));
  Collector all;
  ASSERT_TRUE(reader->read({"in", 0}, 0, 600, all).ok());
  ASSERT_EQ(all.seen.size(), 300U);
  EXPECT_EQ(all.seen.back(), "598:k=299");
  Collector some;
  ASSERT_TRUE(reader->read({"in", 0}, 3, 8, some).ok());
  EXPECT_THAT(some.seen, ElementsAre("4:k=2", "6:k=3"));
  Collector none;
  ASSERT_TRUE(reader->read({"in", 0}, 599, 600, none).ok());
  EXPECT_THAT(none.seen, IsEmpty());
}

TEST(MemoryLog, ReaderStopsWithTheVisitorsErrorAndNamesRangesThatAreNotThere) {
  LogFixture f;
  f.log.create_topic("in", {});
  for (int i = 0; i < 5; ++i) f.feed(0, "v");
  const auto reader = f.log.reader();
  Collector two;
  two.fail_after = 2;
  EXPECT_EQ(reader->read({"in", 0}, 0, 5, two).code(), StatusCode::kAborted);
  EXPECT_EQ(two.seen.size(), 2U);
  f.log.truncate({"in", 0}, 2);
  EXPECT_EQ(*reader->bounds({"in", 0}), (std::pair<int64_t, int64_t>{2, 5}));
  Collector all;
  EXPECT_EQ(reader->read({"in", 0}, 1, 5, all).code(), StatusCode::kDataLoss);
  EXPECT_EQ(reader->read({"in", 0}, 2, 6, all).code(), StatusCode::kUnavailable);
  EXPECT_EQ(reader->read({"in", 7}, 0, 1, all).code(), StatusCode::kNotFound);
  EXPECT_EQ(reader->bounds({"no", 0}).status().code(), StatusCode::kNotFound);
}

TEST(MemoryLog, ATopicThatKeepsNothingStillCountsOffsets) {
  LogFixture f;
  f.log.create_topic("changelog", {.retain = Retain::kNone});
  const auto producer = f.log.producer("p");
  const auto receipt =
      producer->commit({.records = {record("changelog", 0, "a"), record("changelog", 0, "b")}, .offsets = {}, .group = {}});
  EXPECT_THAT(receipt->last_offsets, ElementsAre(Pair(TopicPartition{"changelog", 0}, 1)));
  EXPECT_THAT(f.log.entries({"changelog", 0}), IsEmpty());
  Collector none;
  const auto bounds = f.log.reader()->bounds({"changelog", 0});
  EXPECT_EQ(bounds->second, 3);
  EXPECT_TRUE(f.log.reader()->read({"changelog", 0}, bounds->first, bounds->second, none).ok());
  EXPECT_THAT(none.seen, IsEmpty());
}

TEST(MemoryLog, ATopicThatIsKeptUntilConsumedShrinksWithTheCommittedOffset) {
  LogFixture f;
  f.log.create_topic("in", {.partitions = 2, .retain = Retain::kUntilConsumed});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  const auto producer = f.log.producer("p");
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 10; ++i) f.feed(i % 2, "v");
    ASSERT_EQ(poll_values(*consumer).size(), 10U);
    ASSERT_TRUE(producer->commit(f.offset_of(*consumer, consumer->position(0), 0)).ok());
    EXPECT_THAT(f.log.entries({"in", 0}), IsEmpty());
  }
  EXPECT_EQ(f.log.entries({"in", 1}).size(), 500U);
  EXPECT_THAT(listener.take_calls(), ElementsAre("assigned 0 1"));
}

TEST(MemoryLog, LosesTheEndOfAPartitionWhenToldTo) {
  MemoryLog log({.clock = [] { return WallTime{1}; }});
  log.create_topic("t", {});
  const auto out = [](std::string key) {
    return OutRecord{.topic = "t", .partition = 0, .key = std::move(key), .value = "v", .headers = {}};
  };
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(log.append(out(key)).ok());
  const auto producer = log.producer("p");
  Transaction transaction;
  transaction.records.push_back(out("d"));
  ASSERT_TRUE(producer->begin(std::move(transaction)).ok());
  EXPECT_FALSE(log.shorten({"t", 0}, 1));
  ASSERT_TRUE(producer->abort().ok());
  EXPECT_TRUE(log.shorten({"t", 0}, 1));
  EXPECT_EQ(*log.append(out("e")), 1);
  const std::vector<LogEntry> left = log.entries({"t", 0});
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].key + left[1].key, "ae");
}

TEST(MemoryLog, AGapInAConsumedTopicIsNoLostRange) {
  LogFixture f;
  f.log.create_topic("in", {.retain = Retain::kUntilConsumed});
  RecordingListener listener;
  const auto consumer = f.join(listener);
  const auto producer = f.log.producer("p");
  f.feed(0, "a");
  poll_values(*consumer);
  ASSERT_TRUE(producer->commit(f.offset_of(*consumer, 1)).ok());
  f.log.fail_next_commit(StatusCode::kAborted);
  ASSERT_FALSE(producer->commit({.records = {record("in", 0, "rolled back")}, .offsets = {}, .group = {}}).ok());
  f.feed(0, "b");
  EXPECT_THAT(poll_values(*consumer), ElementsAre("b"));
  EXPECT_THAT(listener.take_calls(), ElementsAre("assigned 0"));
}

}  // namespace
}  // namespace tocsin::log
