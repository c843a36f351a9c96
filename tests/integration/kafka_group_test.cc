// The Kafka adapter on a real broker: members of a group, and going back to what they committed.

#include "tests/integration/kafka_harness.h"

namespace tocsin::kafka::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(KafkaGroup, OfTwoMembersOfOneNameTheFirstGivesInAndTheSecondGoesOn) {
  const std::string input = make_topic("input", 2);
  const std::string output = make_topic("output", 1);
  fill(input, 0, 5);
  const std::string group = unique("group");
  Member first(group, "m0", {input});
  first.join();
  ASSERT_TRUE(first.poll_until_seen(5).ok());
  Member second(group, "m0", {input});
  second.join();
  ASSERT_TRUE(second.poll_until_assigned().ok());
  // The producer is another's on purpose: the group has to refuse the offsets, not the transaction coordinator the epoch.
  const auto producer = make_producer(unique("producer"), {output});
  log::Transaction zombie = first.progress();
  if (zombie.group != nullptr) {
    zombie.records.push_back(out(output, 0, "k", "zombie"));
    const auto refused = producer->commit(std::move(zombie));
    EXPECT_EQ(refused.status().code(), StatusCode::kAborted) << refused.status().message();
  }
  EXPECT_THAT(values_of({output, 0}), IsEmpty());
  // The first takes its name back once: it might have been an echo of its own. Then so does the second, and that ends the first.
  Status of_first;
  const Status of_second = second.poll_until([&] {
    of_first = first.poll_once(Duration{10});
    return of_first.code() == StatusCode::kFenced;
  });
  ASSERT_TRUE(of_second.ok()) << of_second.message() << "; the first: " << of_first.message();
  EXPECT_THAT(of_first.message(), testing::HasSubstr("another process runs with the same `instance`"));
  EXPECT_EQ(first.notes.back(), "lost 2");
  EXPECT_EQ(first.rewind_status(), StatusCode::kFenced);
  ASSERT_TRUE(second.poll_until_assigned().ok());
  EXPECT_THAT(second.notes, ElementsAre("assigned 2", "lost 2", "assigned 2"));
  const auto committed = producer->commit(second.progress());
  EXPECT_TRUE(committed.ok()) << committed.status().message();
}

TEST(KafkaGroup, ARewindDeliversAgainWhatWasNotCommitted) {
  const std::string input = make_topic("input", 2);
  fill(input, 0, 10);
  fill(input, 1, 10, 10);
  const auto producer = make_producer(unique("producer"), {});
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(20).ok());
  ASSERT_TRUE(member.consumer->rewind().ok());
  EXPECT_THAT(member.notes, ElementsAre("assigned 2", "lost 2", "assigned 2"));
  ASSERT_TRUE(member.poll_until_seen(40).ok());
  // librdkafka still knows the position of before when the partitions have only just been assigned again.
  for (int i = 0; i < 20; ++i) {
    member.seen.clear();
    ASSERT_TRUE(member.consumer->rewind().ok());
    for (const log::Assignment& assignment : member.given) ASSERT_EQ(member.consumer->position(assignment.source), 0);
    ASSERT_TRUE(member.poll_until_seen(20).ok());
  }

  log::Transaction half = member.progress("half");
  for (log::OffsetCommit& commit : half.offsets) commit.offset = 5;
  ASSERT_TRUE(producer->commit(std::move(half)).ok());
  member.seen.clear();
  ASSERT_TRUE(member.consumer->rewind().ok());
  EXPECT_EQ(member.given.at(0).committed->metadata, "half");
  ASSERT_TRUE(member.poll_until_seen(10).ok());
  ASSERT_TRUE(member.poll_once().ok());
  EXPECT_THAT(member.values_seen(), UnorderedElementsAre("5", "6", "7", "8", "9", "15", "16", "17", "18", "19"));
}

TEST(KafkaGroup, ARewindWaitsForATransactionInDoubt) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 10);
  Member member(unique("group"), "m0", {input});
  member.options.rewind_timeout = Duration{1'500};
  member.join();
  ASSERT_TRUE(member.poll_until_seen(10).ok());
  // Offsets sent, transaction open: a process that died, or stands still, just before its commit.
  const auto doubtful = raw_producer({{"transactional.id", unique("doubtful")}});
  ASSERT_EQ(rd_kafka_init_transactions(doubtful->get(), 10'000), nullptr);
  ASSERT_EQ(rd_kafka_begin_transaction(doubtful->get()), nullptr);
  const PartitionListHandle offsets = make_partition_list(1);
  rd_kafka_topic_partition_list_add(offsets.get(), input.c_str(), 0)->offset = 7;
  const GroupMetadataHandle group(rd_kafka_consumer_group_metadata_new_with_genid(member.options.group.c_str(), -1, "", nullptr));
  ASSERT_EQ(rd_kafka_send_offsets_to_transaction(doubtful->get(), offsets.get(), group.get(), 10'000), nullptr);

  const Status waiting = member.consumer->rewind();
  EXPECT_EQ(waiting.code(), StatusCode::kUnavailable) << waiting.message();
  member.seen.clear();
  EXPECT_FALSE(member.poll_once().ok());
  EXPECT_THAT(member.seen, IsEmpty()) << "nothing may be read before the outcome is known";
  ASSERT_EQ(rd_kafka_commit_transaction(doubtful->get(), 10'000), nullptr);
  ASSERT_TRUE(member.poll_until_seen(3).ok());
  EXPECT_THAT(member.values_seen(), ElementsAre("7", "8", "9"));
  EXPECT_THAT(member.notes, ElementsAre("assigned 1", "lost 1", "assigned 1"));
}

TEST(KafkaGroup, ARestartedMemberTakesItsPartitionsBackAtOnce) {
  const std::string input = make_topic("input", 4);
  const std::string group = unique("group");
  Member other(group, "m1", {input});
  other.join();
  ASSERT_TRUE(other.poll_until_assigned().ok());
  auto member = std::make_unique<Member>(group, "m0", std::vector<std::string>{input});
  member->join();
  ASSERT_TRUE(member
                  ->poll_until([&] {
                    std::ignore = other.poll_once(Duration{10});
                    return member->given.size() == 2 && other.given.size() == 2;
                  })
                  .ok());
  const size_t notes_before = other.notes.size();
  const auto restarted_at = std::chrono::steady_clock::now();
  member->crash();
  member = std::make_unique<Member>(group, "m0", std::vector<std::string>{input});
  member->join();
  ASSERT_TRUE(member
                  ->poll_until([&] {
                    std::ignore = other.poll_once(Duration{10});
                    return !member->given.empty();
                  })
                  .ok());
  EXPECT_LT(std::chrono::steady_clock::now() - restarted_at, std::chrono::seconds(4)) << "the session ends after 6 s";
  EXPECT_THAT(member->given, SizeIs(2));
  EXPECT_THAT(other.notes, SizeIs(notes_before)) << "no rebalance for the others";
}

// The group would give a member of the same name what it had before.
TEST(KafkaGroup, AMemberRestartedWithOtherTopicsIsGivenThose) {
  const std::string kept = make_topic("input", 1);
  const std::string gone = make_topic("input", 1);
  const std::string fresh = make_topic("input", 1);
  fill(fresh, 0, 3);
  const std::string group = unique("group");
  Member before(group, "m0", {kept, gone});
  before.join();
  ASSERT_TRUE(before.poll_until_assigned().ok());
  before.crash();
  Member after(group, "m0", {kept, fresh});
  after.join();
  ASSERT_TRUE(after.poll_until_seen(3).ok());
  EXPECT_THAT(after.given, SizeIs(2));
  EXPECT_THAT(after.consumer->sources(), UnorderedElementsAre(TopicPartition{kept, 0}, TopicPartition{fresh, 0}));
}

TEST(KafkaGroup, PartitionsAreRevokedInGoodOrderWhenAMemberJoins) {
  const std::string input = make_topic("input", 4);
  for (int32_t p = 0; p < 4; ++p) fill(input, p, 10, p * 10);
  const std::string group = unique("group");
  const auto producer = make_producer(unique("producer"), {});
  Member first(group, "m0", {input});
  // What is open is committed before the partitions go: the next owner starts there.
  first.when_revoked = [&] {
    const auto receipt = producer->commit(first.progress("handed over"));
    EXPECT_TRUE(receipt.ok()) << receipt.status().message();
  };
  first.join();
  ASSERT_TRUE(first.poll_until_seen(40).ok());
  Member second(group, "m1", {input});
  second.join();
  ASSERT_TRUE(second
                  .poll_until([&] {
                    std::ignore = first.poll_once(Duration{10});
                    return second.given.size() == 2 && first.given.size() == 2;
                  })
                  .ok());
  EXPECT_THAT(first.notes, ElementsAre("assigned 4", "revoked 4", "assigned 2"));
  for (const log::Assignment& assignment : second.given) {
    ASSERT_TRUE(assignment.committed.has_value());
    EXPECT_EQ(assignment.committed->metadata, "handed over");
    EXPECT_EQ(assignment.committed->offset, 11);
  }
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(second.poll_once().ok());
  EXPECT_THAT(second.seen, IsEmpty());
  ASSERT_TRUE(second.consumer->close().ok());
  EXPECT_EQ(second.notes.back(), "revoked 2");
}

TEST(KafkaGroup, TheRangeAssignorGivesNeighboursToOneMember) {
  const std::string input = make_topic("input", 4);
  const std::string group = unique("group");
  Member first(group, "m0", {input});
  Member second(group, "m1", {input});
  for (Member* member : {&first, &second}) {
    member->options.assignor = Assignor::kRange;
    member->join();
  }
  ASSERT_TRUE(second
                  .poll_until([&] {
                    std::ignore = first.poll_once(Duration{10});
                    return second.given.size() == 2 && first.given.size() == 2;
                  })
                  .ok());
  std::set<int32_t> partitions;
  for (const log::Assignment& a : second.given) partitions.insert(second.consumer->sources()[static_cast<size_t>(a.source)].partition);
  EXPECT_THAT(partitions, ElementsAre(2, 3));
}

}  // namespace
}  // namespace tocsin::kafka::test
