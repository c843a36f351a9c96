// Membership: joins, rebalances, static members, zombies.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/log/group_identity.h"
#include "tests/unit/log/memory_fixture.h"
#include "tests/unit/log/recording_listener.h"

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct GroupFixture : LogFixture {
  GroupFixture() { log.create_topic("in", {.partitions = 4}); }
  RecordingListener a, b, c;
};

TEST(MemoryGroup, MembersThatJoinedBeforeTheFirstPollShareOneGeneration) {
  GroupFixture f;
  const auto first = f.join(f.a);
  const auto second = f.join(f.b);
  poll_values(*first);
  poll_values(*second);
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1"));
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
}

TEST(MemoryGroup, ARebalanceWaitsUntilEachMemberGaveUpItsPartitions) {
  GroupFixture f;
  const auto first = f.join(f.a, "", {"in"}, AssignmentStrategy::kRoundRobin);
  poll_values(*first);
  f.a.take_calls();
  const auto second = f.join(f.b, "", {"in"}, AssignmentStrategy::kRoundRobin);
  poll_values(*second);
  EXPECT_THAT(f.b.take_calls(), IsEmpty());
  EXPECT_EQ(second->group_metadata(), nullptr);
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("revoked 0 1 2 3", "assigned 0 2"));
  poll_values(*second);
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 1 3"));
}

TEST(MemoryGroup, WhatIsOpenCanBeCommittedWhileBeingRevoked) {
  GroupFixture f;
  const auto producer = f.log.producer("p");
  const auto first = f.join(f.a);
  f.feed(0, "a");
  f.feed(2, "b");
  poll_values(*first);
  const auto second = f.join(f.b);
  f.a.revoke_hook = [&] {
    Transaction open{.records = {}, .offsets = {}, .group = first->group_metadata()};
    for (const int32_t i : {0, 2}) open.offsets.push_back({{"in", i}, first->position(i), ""});
    EXPECT_TRUE(producer->commit(std::move(open)).ok());
  };
  poll_values(*first);
  poll_values(*second);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3", "revoked 0 1 2 3", "assigned 0@1 1"));
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2@1 3"));
}

TEST(MemoryGroup, ACommitOfAnOldGenerationIsAborted) {
  GroupFixture f;
  const auto producer = f.log.producer("p");
  const auto first = f.join(f.a);
  poll_values(*first);
  Transaction late = f.offset_of(*first, 1);
  const auto second = f.join(f.b);
  poll_values(*first);
  EXPECT_EQ(producer->commit(std::move(late)).status().code(), StatusCode::kAborted);
  EXPECT_EQ(f.log.committed("g", {"in", 0}), std::nullopt);
  EXPECT_TRUE(producer->commit(f.offset_of(*first, 1)).ok());
  EXPECT_EQ(f.log.committed("g", {"in", 0})->metadata, "meta");
}

TEST(MemoryGroup, ADynamicMemberThatClosesLeaves) {
  GroupFixture f;
  const auto first = f.join(f.a);
  auto second = f.join(f.b);
  poll_values(*first);
  poll_values(*second);
  ASSERT_TRUE(second->close().ok());
  ASSERT_TRUE(second->close().ok());
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3", "revoked 2 3"));
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1", "revoked 0 1", "assigned 0 1 2 3"));
}

TEST(MemoryGroup, ACrashedMemberKeepsItsPartitionsUntilItsSessionEnds) {
  GroupFixture f;
  const auto first = f.join(f.a);
  auto second = f.join(f.b);
  poll_values(*first);
  poll_values(*second);
  f.a.take_calls();
  second.reset();
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), IsEmpty());
  f.log.expire_absent("g");
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("revoked 0 1", "assigned 0 1 2 3"));
}

TEST(MemoryGroup, AZombieIsFencedByTheGeneration) {
  GroupFixture f;
  const auto producer = f.log.producer("p1");
  const auto zombie = f.join(f.a);
  const auto other = f.join(f.b);
  poll_values(*zombie);
  poll_values(*other);
  f.log.expire(*zombie);
  poll_values(*other);
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3", "revoked 2 3", "assigned 0 1 2 3"));
  // It does not know yet: it still believes in its partitions, but nothing of it is accepted.
  Transaction late = f.offset_of(*zombie, 7);
  late.records.push_back(record("in", 0, "from the grave"));
  EXPECT_EQ(producer->commit(std::move(late)).status().code(), StatusCode::kAborted);
  EXPECT_THAT(f.log.entries({"in", 0}), IsEmpty());
  // When it wakes up it learns of its loss, and joins again.
  poll_values(*zombie);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1", "lost 0 1"));
  poll_values(*other);
  poll_values(*zombie);
  EXPECT_EQ(f.a.take_calls().size(), 1U);
}

TEST(MemoryGroup, AStaticMemberTakesItsPartitionsBackWithoutARebalance) {
  GroupFixture f;
  auto first = f.join(f.a, "i-0");
  const auto second = f.join(f.b, "i-1");
  poll_values(*first);
  poll_values(*second);
  first.reset();  // killed
  const auto again = f.join(f.c, "i-0");
  poll_values(*again);
  poll_values(*second);
  EXPECT_THAT(f.c.take_calls(), ElementsAre("assigned 0 1"));
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
}

TEST(MemoryGroup, AStaticMemberThatClosesKeepsItsPlace) {
  GroupFixture f;
  const auto first = f.join(f.a, "i-0");
  const auto second = f.join(f.b, "i-1");
  poll_values(*first);
  poll_values(*second);
  ASSERT_TRUE(first->close().ok());
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1", "revoked 0 1"));
  poll_values(*second);
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
  f.log.expire_absent("g");
  poll_values(*second);
  EXPECT_THAT(f.b.take_calls(), ElementsAre("revoked 2 3", "assigned 0 1 2 3"));
}

TEST(MemoryGroup, OfTwoProcessesOfTheSameInstanceTheFirstGivesIn) {
  GroupFixture f;
  const auto producer = f.log.producer("p");
  const auto first = f.join(f.a, "i-0");
  poll_values(*first);
  Transaction late = f.offset_of(*first, 1);
  auto second = f.join(f.b, "i-0");
  poll_values(*second);
  EXPECT_EQ(producer->commit(std::move(late)).status().code(), StatusCode::kAborted);
  EXPECT_THAT(poll_values(*first), ElementsAre(HasSubstr("error unavailable"))) << "once it takes the name back";
  EXPECT_THAT(poll_values(*second), ElementsAre(HasSubstr("error unavailable")));
  EXPECT_THAT(poll_values(*first), ElementsAre(HasSubstr("error fenced")));
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3", "lost 0 1 2 3"));
  EXPECT_EQ(first->group_metadata(), nullptr);
  EXPECT_EQ(first->rewind().code(), StatusCode::kFenced);
  poll_values(*second);
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 0 1 2 3", "lost 0 1 2 3", "assigned 0 1 2 3"));
  EXPECT_TRUE(producer->commit(f.offset_of(*second, 1)).ok());
  // Also when the second one has gone: what it did with the partitions stays done.
  second.reset();
  f.log.expire_absent("g");
  EXPECT_THAT(poll_values(*first), ElementsAre(HasSubstr("error fenced")));
  EXPECT_THAT(f.a.take_calls(), IsEmpty());
}

TEST(MemoryGroup, StaticMembersAreRankedByTheirInstanceId) {
  GroupFixture f;
  const auto last = f.join(f.b, "i-2");
  const auto first = f.join(f.a, "i-1");
  poll_values(*last);
  poll_values(*first);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1"));
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
}

TEST(MemoryGroup, AddedPartitionsAreAssigned) {
  GroupFixture f;
  const auto consumer = f.join(f.a);
  poll_values(*consumer);
  f.log.add_partitions("in", 5);
  poll_values(*consumer);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3", "revoked 0 1 2 3", "assigned 0 1 2 3 4"));
  EXPECT_EQ(consumer->sources().at(4), (TopicPartition{"in", 4}));
}

TEST(MemoryGroup, AMemberThatJoinsDuringAnAssignmentGetsItsShare) {
  GroupFixture f;
  std::unique_ptr<GroupConsumer> second;
  const auto first = f.join(f.a);
  f.a.assign_hook = [&] {
    if (!second) second = f.join(f.b);
  };
  poll_values(*first);
  poll_values(*second);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3", "revoked 0 1 2 3", "assigned 0 1"));
  EXPECT_THAT(f.b.take_calls(), ElementsAre("assigned 2 3"));
}

TEST(MemoryGroup, AMemberWithoutPartitionsIsAMemberAllTheSame) {
  LogFixture f;
  f.log.create_topic("in", {});
  RecordingListener a, b;
  const auto first = f.join(a);
  const auto second = f.join(b);
  poll_values(*first);
  poll_values(*second);
  EXPECT_THAT(b.take_calls(), IsEmpty());
  EXPECT_NE(second->group_metadata(), nullptr);
}

TEST(MemoryGroup, RewindingAfterTheSessionEndedOnlyLoses) {
  GroupFixture f;
  const auto consumer = f.join(f.a);
  poll_values(*consumer);
  f.log.expire(*consumer);
  ASSERT_TRUE(consumer->rewind().ok());
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3", "lost 0 1 2 3"));
  poll_values(*consumer);
  EXPECT_THAT(f.a.take_calls(), ElementsAre("assigned 0 1 2 3"));
}

// Members on threads of their own come and go; whoever holds a partition commits under its own identity. Each record must be
// committed exactly once, as the sum over all transactions that succeeded.
TEST(MemoryGroup, ThreadsThatJoinAndLeaveProcessEachRecordOnce) {
  GroupFixture f;
  f.log.create_topic("out", {});
  constexpr int kLives = 60;
  std::atomic<int> lives = 0;
  std::atomic<bool> done = false;
  const auto work = [&](int index) {
    const auto producer = f.log.producer(fmt::format("p{}", index));
    for (; !done; ++lives) {
      RecordingListener listener;
      const auto consumer = f.join(listener);
      for (int i = 0; i < 20 + 10 * index || index == 0; ++i) {
        if (done) break;
        RecordBatch batch;
        ASSERT_TRUE(consumer->poll({1}, batch).ok());
        if (batch.records.empty()) continue;
        Transaction transaction{.records = {}, .offsets = {}, .group = consumer->group_metadata()};
        for (const Record& each : batch.records) transaction.records.push_back(record("out", 0, std::string(each.value)));
        for (const Record& each : batch.records) {
          const int32_t source = each.source;
          transaction.offsets.push_back({consumer->sources()[static_cast<size_t>(source)], consumer->position(source), ""});
        }
        const auto receipt = producer->commit(std::move(transaction));
        if (receipt.ok()) continue;
        ASSERT_TRUE(consumer->rewind().ok());
      }
      ASSERT_TRUE(consumer->close().ok());
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) threads.emplace_back(work, i);
  size_t fed = 0;
  for (; lives < kLives || fed < 1'000; ++fed) {
    f.feed(static_cast<int32_t>(fed % 4), fmt::format("{}", fed));
    std::this_thread::yield();
  }
  while (f.log.entries({"out", 0}).size() < fed) std::this_thread::yield();
  done = true;
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> values;
  for (const LogEntry& entry : f.log.entries({"out", 0})) values.push_back(*entry.value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
  EXPECT_EQ(values.size(), fed);
}

}  // namespace
}  // namespace tocsin::log
