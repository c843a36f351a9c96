// Transactions: atomicity, fencing of producers, injected faults, and a random run against a simple model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/log/group_identity.h"
#include "tests/unit/log/memory_fixture.h"
#include "tests/unit/log/recording_listener.h"

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Transaction records_only(std::vector<OutRecord> records) { return {.records = std::move(records), .offsets = {}, .group = nullptr}; }

std::vector<std::string> values_of(MemoryLog& log, const TopicPartition& partition) {
  std::vector<std::string> values;
  for (const LogEntry& entry : log.entries(partition)) values.push_back(*entry.value);
  return values;
}

struct TransactionFixture : LogFixture {
  TransactionFixture() {
    log.create_topic("in", {});
    log.create_topic("out", {.partitions = 2});
  }
};

TEST(MemoryTransactions, TheReceiptNamesTheLastOffsetsOfExplicitPartitions) {
  TransactionFixture f;
  const auto producer = f.log.producer("p");
  OutRecord hashed = record("out", -1, "h");
  const auto receipt = producer->commit(records_only({record("out", 1, "a"), record("in", 0, "b"), record("out", 1, "c"), hashed}));
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->last_offsets.size(), 2U);
  EXPECT_THAT(receipt->last_offsets, ElementsAre(Pair(TopicPartition{"in", 0}, 0), Pair(TopicPartition{"out", 1}, testing::Ge(1))));
}

TEST(MemoryTransactions, ANewProducerOfTheSameIdFencesTheOldOne) {
  TransactionFixture f;
  const auto old = f.log.producer("p");
  const auto stranger = f.log.producer("q");
  const auto young = f.log.producer("p");
  EXPECT_EQ(old->commit(records_only({record("out", 0, "old")})).status().code(), StatusCode::kFenced);
  EXPECT_TRUE(young->commit(records_only({record("out", 0, "young")})).ok());
  EXPECT_TRUE(stranger->commit(records_only({record("out", 0, "stranger")})).ok());
  EXPECT_THAT(values_of(f.log, {"out", 0}), ElementsAre("young", "stranger"));
}

TEST(MemoryTransactions, WhatIsRefusedLeavesNothingBehind) {
  TransactionFixture f;
  RecordingListener listener;
  const auto consumer = f.join(listener);
  poll_values(*consumer);
  const auto producer = f.log.producer("p");
  const auto refused = [&](Transaction transaction) {
    transaction.records.insert(transaction.records.begin(), record("out", 0, "first"));
    const auto receipt = producer->commit(std::move(transaction));
    EXPECT_EQ(receipt.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(f.log.entries({"out", 0}), IsEmpty());
    EXPECT_EQ(f.log.committed("g", {"in", 0}), std::nullopt);
    return receipt.status().message();
  };
  EXPECT_EQ(refused(records_only({record("nowhere", 0, "x")})), "topic nowhere does not exist");
  EXPECT_EQ(refused(records_only({record("out", 2, "x")})), "topic out has 2 partitions; there is no partition 2");
  EXPECT_THAT(refused(records_only({record("out", 1, std::string(2'000'000, 'x'))})), testing::HasSubstr("larger than"));
  Transaction heavy = f.offset_of(*consumer, 1);
  heavy.offsets[0].metadata = std::string(4'097, 'x');
  EXPECT_THAT(refused(std::move(heavy)), testing::HasSubstr("4096"));
  Transaction nobodys = f.offset_of(*consumer, 1);
  nobodys.group = nullptr;
  refused(std::move(nobodys));
}

TEST(MemoryTransactions, OffsetsOfAnUnfencedGroupAreStoredUnderItsName) {
  TransactionFixture f;
  const auto producer = f.log.producer("p");
  Transaction transaction{.records = {}, .offsets = {{{"files", 3}, 42, "m"}}, .group = std::make_shared<UnfencedGroup>("files")};
  ASSERT_TRUE(producer->commit(std::move(transaction)).ok());
  EXPECT_EQ(f.log.committed("files", {"files", 3})->offset, 42);
}

TEST(MemoryTransactions, AnUnknownOutcomeMayBeEither) {
  TransactionFixture f;
  RecordingListener listener;
  const auto consumer = f.join(listener);
  f.feed(0, "x");
  poll_values(*consumer);
  const auto producer = f.log.producer("p");
  const auto attempt = [&] {
    Transaction transaction = f.offset_of(*consumer, 1);
    transaction.records.push_back(record("out", 0, "result"));
    return producer->commit(std::move(transaction)).status().code();
  };
  f.log.fail_next_commit(StatusCode::kUnavailable, FaultPoint::kBefore);
  EXPECT_EQ(attempt(), StatusCode::kUnavailable);
  EXPECT_THAT(f.log.entries({"out", 0}), IsEmpty());
  ASSERT_TRUE(consumer->rewind().ok());
  EXPECT_EQ(consumer->position(0), 0);

  poll_values(*consumer);
  f.log.fail_next_commit(StatusCode::kUnavailable, FaultPoint::kAfter);
  EXPECT_EQ(attempt(), StatusCode::kUnavailable);
  EXPECT_THAT(values_of(f.log, {"out", 0}), ElementsAre("result"));
  ASSERT_TRUE(consumer->rewind().ok());
  EXPECT_EQ(consumer->position(0), 1);
  EXPECT_THAT(listener.take_calls(), ElementsAre("assigned 0", "lost 0", "assigned 0", "lost 0", "assigned 0@1"));
}

TEST(MemoryTransactions, FaultsQueueUpAndMayBeMeantForOneProducer) {
  TransactionFixture f;
  const auto p = f.log.producer("p");
  const auto q = f.log.producer("q");
  f.log.fail_next_commit(StatusCode::kAborted, FaultPoint::kBefore, "q");
  f.log.fail_next_commit(StatusCode::kFenced, FaultPoint::kBefore, "q");
  EXPECT_TRUE(p->commit({}).ok());
  EXPECT_EQ(q->commit({}).status().code(), StatusCode::kAborted);
  EXPECT_EQ(q->commit({}).status().code(), StatusCode::kFenced);
  EXPECT_TRUE(q->commit({}).ok());
}

// Copies "in" to "out" through transactions, as the engine's stages do, while commits fail in every way, members come and go, and
// processes die. The model is the list of what was fed: it must come out complete, once, and in order per partition.
class CopyRun {
 public:
  explicit CopyRun(uint32_t seed) : random_(seed) {
    f_.log.create_topic("in", {.partitions = kPartitions, .retain = seed % 2 == 0 ? Retain::kAll : Retain::kUntilConsumed});
    f_.log.create_topic("out", {.partitions = kPartitions});
  }

  std::map<StatusCode, int> outcomes;  // of commits

  void run() {
    for (int step = 0; step < 400; ++step) take_step();
    for (Worker& worker : workers_) {
      if (worker.consumer) stop(worker);
    }
    f_.log.expire_absent("g");
    Worker& last = workers_[0];
    start(last);
    for (int i = 0; i < 200; ++i) copy(last);
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      EXPECT_EQ(values_of(f_.log, {"out", partition}), model_[partition]) << "partition " << partition;
    }
  }

 private:
  static constexpr int32_t kPartitions = 3;
  struct Worker {
    std::string id;
    RecordingListener listener;
    std::unique_ptr<GroupConsumer> consumer;
    std::unique_ptr<TransactionalProducer> producer;
    std::optional<Transaction> open;  // read, not committed yet
  };

  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  void take_step() {
    Worker& worker = workers_[pick(4)];
    const uint32_t dice = pick(100);
    if (dice < 40) return feed();
    if (!worker.consumer) return start(worker);
    if (dice < 88) return copy(worker);
    if (dice < 91) return f_.log.fail_next_commit(StatusCode::kAborted);
    if (dice < 94) return f_.log.fail_next_commit(StatusCode::kUnavailable, pick(2) == 0 ? FaultPoint::kBefore : FaultPoint::kAfter);
    if (dice < 96) return f_.log.expire(*worker.consumer);
    if (dice < 97) return f_.log.expire_absent("g");
    if (dice < 99) return worker.consumer.reset();  // dies
    stop(worker);
  }

  void feed() {
    const auto partition = static_cast<int32_t>(pick(kPartitions));
    model_[partition].push_back(fmt::format("{}", fed_++));
    if (pick(2) == 0) return f_.feed(partition, model_[partition].back());
    const auto feeder = f_.log.producer("feeder");
    if (feeder->commit(records_only({record("in", partition, model_[partition].back())})).ok()) return;
    // A fault that was meant for a worker hit the feeder, before or after its record took effect.
    const std::vector<std::string> in = values_of(f_.log, {"in", partition});
    if (in.empty() || in.back() != model_[partition].back()) f_.feed(partition, model_[partition].back());
  }

  void start(Worker& worker) {
    worker.consumer = f_.join(worker.listener, worker.id);
    worker.producer = f_.log.producer(worker.id);
    worker.open.reset();
    worker.listener.revoke_hook = [this, &worker] {
      if (worker.open) static_cast<void>(commit(worker));
    };
    worker.listener.lost_hook = [&worker] { worker.open.reset(); };
  }

  void stop(Worker& worker) {
    EXPECT_TRUE(worker.consumer->close().ok());
    worker.consumer.reset();
  }

  // Reads, or commits what an earlier step read: in between others join, die and take over, so that commits come too late.
  void copy(Worker& worker) {
    if (!worker.open) read(worker);
    if (!worker.open || pick(2) == 0) return;
    if (!commit(worker)) keep_going(worker, worker.consumer->rewind());
  }

  void read(Worker& worker) {
    RecordBatch batch;
    keep_going(worker, worker.consumer->poll({}, batch));
    if (batch.records.empty()) return;
    worker.open = Transaction{.records = {}, .offsets = {}, .group = worker.consumer->group_metadata()};
    std::map<int32_t, int64_t> positions;
    for (const Record& each : batch.records) {
      const TopicPartition& from = worker.consumer->sources()[static_cast<size_t>(each.source)];
      worker.open->records.push_back(record("out", from.partition, std::string(each.value)));
      positions[each.source] = worker.consumer->position(each.source);
    }
    for (const auto& [source, position] : positions) {
      worker.open->offsets.push_back({worker.consumer->sources()[static_cast<size_t>(source)], position, ""});
    }
  }

  // A fenced process exits; one that takes its name back goes on; nothing else may go wrong.
  static void keep_going(Worker& worker, const Status& status) {
    if (status.ok() || status.code() == StatusCode::kUnavailable) return;
    EXPECT_EQ(status.code(), StatusCode::kFenced) << status.message();
    worker.consumer.reset();
  }

  bool commit(Worker& worker) {
    const auto receipt = worker.producer->commit(*std::exchange(worker.open, std::nullopt));
    EXPECT_NE(receipt.status().code(), StatusCode::kInvalidArgument) << receipt.status().message();
    ++outcomes[receipt.status().code()];
    return receipt.ok();
  }

  std::mt19937 random_;
  LogFixture f_;
  // Two of them are processes of the same instance, which fence each other; the last one is a dynamic member.
  std::array<Worker, 4> workers_ = {Worker{"i-0", {}, {}, {}, {}}, Worker{"i-1", {}, {}, {}, {}}, Worker{"i-0", {}, {}, {}, {}},
                                    Worker{"", {}, {}, {}, {}}};
  std::map<int32_t, std::vector<std::string>> model_;
  int fed_ = 0;
};

TEST(MemoryTransactions, CopyingIsExactlyOnceWhateverFails) {
  std::map<StatusCode, int> outcomes;
  for (uint32_t seed = 0; seed < 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    CopyRun run(seed);
    run.run();
    for (const auto& [code, count] : run.outcomes) outcomes[code] += count;
  }
  for (const auto code : {StatusCode::kOk, StatusCode::kAborted, StatusCode::kUnavailable, StatusCode::kFenced}) {
    EXPECT_GT(outcomes[code], 20) << to_string(code) << " was hardly tried";
  }
}

TEST(OpenTransactions, HoldBackWhatIsReadBehindTheirFirstRecord) {
  TransactionFixture f;
  RecordingListener listener;
  const auto consumer = f.join(listener, "", {"out"});
  const auto producer = f.log.producer("p");
  ASSERT_TRUE(producer->begin(records_only({record("out", 0, "open")})).ok());
  ASSERT_TRUE(f.log.append(record("out", 0, "behind")).ok());
  ASSERT_TRUE(f.log.append(record("out", 1, "elsewhere")).ok());
  EXPECT_THAT(poll_values(*consumer), ElementsAre("elsewhere"));
  EXPECT_EQ(f.log.reader()->bounds({"out", 0})->second, 0);
  EXPECT_THAT(f.log.entries({"out", 0}), IsEmpty());
  ASSERT_TRUE(producer->end().ok());
  EXPECT_THAT(poll_values(*consumer), ElementsAre("open", "behind"));
}

TEST(OpenTransactions, LeaveGapsWhenTheyAreRolledBack) {
  TransactionFixture f;
  const auto producer = f.log.producer("p");
  ASSERT_TRUE(producer->begin(records_only({record("out", 0, "a"), record("out", 0, "b")})).ok());
  ASSERT_TRUE(f.log.append(record("out", 0, "c")).ok());
  ASSERT_TRUE(producer->abort().ok());
  const std::vector<LogEntry> entries = f.log.entries({"out", 0});
  ASSERT_THAT(entries, testing::SizeIs(1));
  EXPECT_EQ(entries[0].offset, 2);
  EXPECT_EQ(f.log.reader()->bounds({"out", 0})->second, 4);
}

TEST(OpenTransactions, EndWithTheNextProducerOfTheirIdWhichFencesTheirEnd) {
  TransactionFixture f;
  const auto old = f.log.producer("p");
  ASSERT_TRUE(old->begin(records_only({record("out", 0, "old")})).ok());
  const auto young = f.log.producer("p");
  EXPECT_EQ(old->end().status().code(), StatusCode::kFenced);
  EXPECT_EQ(old->abort().code(), StatusCode::kFenced);
  ASSERT_TRUE(young->commit(records_only({record("out", 0, "young")})).ok());
  EXPECT_THAT(values_of(f.log, {"out", 0}), ElementsAre("young"));
}

TEST(OpenTransactions, EndWhenTheyTakeTooLong) {
  TransactionFixture f;
  const auto producer = f.log.producer("p");
  ASSERT_TRUE(producer->begin(records_only({record("out", 0, "a")})).ok());
  f.log.time_out("p");
  EXPECT_EQ(producer->end().status().code(), StatusCode::kFenced);
  EXPECT_THAT(f.log.entries({"out", 0}), IsEmpty());
}

TEST(OpenTransactions, KeepTheirPartitionsFromTheNextOwnerUntilTheyEnd) {
  for (const bool commits : {true, false}) {
    TransactionFixture f;
    f.feed(0, "x");
    RecordingListener first, second;
    auto consumer = f.join(first, "static");
    poll_values(*consumer);
    const auto producer = f.log.producer("p");
    ASSERT_TRUE(producer->begin(f.offset_of(*consumer, 1)).ok());
    EXPECT_EQ(consumer->rewind().code(), StatusCode::kUnavailable);
    EXPECT_EQ(consumer->group_metadata(), nullptr);
    consumer.reset();
    const auto successor = f.join(second, "static");
    EXPECT_THAT(poll_values(*successor), IsEmpty());
    ASSERT_TRUE(commits ? producer->end().ok() : producer->abort().ok());
    EXPECT_THAT(poll_values(*successor), testing::SizeIs(commits ? 0U : 1U));
    EXPECT_EQ(f.log.committed("g", {"in", 0}).has_value(), commits);
  }
}

TEST(Compaction, KeepsTheLastRecordOfEachKeyAndYoungTombstones) {
  TransactionFixture f;
  const auto put = [&](const std::string& key, std::optional<std::string> value) {
    OutRecord out = record("out", 0, "");
    out.key = key;
    out.value = std::move(value);
    ASSERT_TRUE(f.log.append(std::move(out)).ok());
  };
  put("a", "1");
  put("b", "1");
  put("b", std::nullopt);
  f.now_ms += 1'000;
  put("a", "2");
  put("c", "1");
  put("c", std::nullopt);
  f.log.compact({"out", 0}, WallTime{f.now_ms});
  const std::vector<LogEntry> entries = f.log.entries({"out", 0});
  ASSERT_THAT(entries, testing::SizeIs(2));
  EXPECT_EQ(entries[0].offset, 3);
  EXPECT_EQ(entries[0].value, "2");
  EXPECT_EQ(entries[1].offset, 5);
  EXPECT_EQ(entries[1].value, std::nullopt);
}

}  // namespace
}  // namespace tocsin::log
