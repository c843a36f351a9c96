// The Kafka adapter on a real broker: what its transactions promise.

#include <algorithm>

#include "tests/integration/kafka_harness.h"

namespace tocsin::kafka::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(KafkaTransactions, RecordsAndOffsetsWithMetadataAreCommittedTogether) {
  const std::string input = make_topic("input", 3);
  const std::string output = make_topic("output", 2);
  for (int32_t p = 0; p < 3; ++p) fill(input, p, 40, p * 40);
  const std::string group = unique("group");
  const auto producer = make_producer(unique("copier"), {output});
  int64_t last_offset = -1;
  {
    Member member(group, "m0", {input});
    member.options.batch_records_max = 25;
    member.join();
    size_t copied = 0;
    while (copied < 120) {
      ASSERT_TRUE(member.poll_until_seen(copied + 1).ok());
      log::Transaction transaction = member.progress("watermark at " + std::to_string(member.seen.size()));
      for (; copied < member.seen.size(); ++copied) transaction.records.push_back(out(output, 1, "k", member.seen[copied].second));
      const auto receipt = producer->commit(std::move(transaction));
      ASSERT_TRUE(receipt.ok()) << receipt.status().message();
      ASSERT_THAT(receipt->last_offsets, SizeIs(1));
      EXPECT_EQ(receipt->last_offsets[0].first, (TopicPartition{output, 1}));
      EXPECT_GT(receipt->last_offsets[0].second, last_offset);
      last_offset = receipt->last_offsets[0].second;
    }
  }
  std::vector<std::string> copies = values_of({output, 1});
  EXPECT_EQ(must(make_reader()->bounds({output, 1})).second, last_offset + 2) << "the marker of the last transaction follows it";
  std::vector<std::string> expected = numbers(0, 120);
  std::sort(copies.begin(), copies.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(copies, expected);

  Member next(group, "m0", {input});
  next.join();
  ASSERT_TRUE(next.poll_until_assigned().ok());
  ASSERT_THAT(next.given, SizeIs(3));
  for (const log::Assignment& assignment : next.given) {
    ASSERT_TRUE(assignment.committed.has_value());
    EXPECT_EQ(assignment.committed->metadata, "watermark at 120");
    EXPECT_EQ(assignment.committed->offset, 41) << "40 records and a marker";
  }
}

TEST(KafkaTransactions, ATransactionOfOffsetsAloneFencesLikeData) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 1);
  const std::string group = unique("group");
  Member member(group, "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(1).ok());
  const auto producer = make_producer(unique("heartbeat"), {});
  EXPECT_TRUE(producer->commit(member.progress("same")).ok());
  EXPECT_TRUE(producer->commit(member.progress(std::string(4'000, 'm'))).ok());
  // Brokers take 4,096 bytes.
  const auto refused = producer->commit(member.progress(std::string(5'000, 'm')));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument) << refused.status().message();
  EXPECT_TRUE(producer->commit(member.progress("goes on")).ok());
}

TEST(KafkaTransactions, ARefusedRecordTakesItsTransactionWithIt) {
  const std::string output = make_topic("output", 1);
  const auto producer = make_producer(unique("producer"), {output});
  const auto refused = producer->commit(transaction_of({out(output, 0, "k", "small"), out(output, 0, "k", std::string(2'000'000, 'x'))}));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr(output), HasSubstr("2000001 bytes"), HasSubstr("max.message.bytes")));
  EXPECT_THAT(values_of({output, 0}), IsEmpty());
  ASSERT_TRUE(producer->commit(transaction_of({out(output, 0, "k", "after")})).ok());
  EXPECT_THAT(values_of({output, 0}), ElementsAre("after"));
}

TEST(KafkaTransactions, ARecordThatTheBrokerFindsTooLargeIsNamed) {
  const std::string output = make_topic("output", 1, {{"max.message.bytes", "1000"}});
  const auto producer = make_producer(unique("producer"), {output});
  std::string noise;
  for (uint32_t x = 1; noise.size() < 5'000; x = x * 1'664'525U + 1'013'904'223U) noise.push_back(static_cast<char>(x >> 24));
  const auto refused = producer->commit(transaction_of({out(output, 0, "k", noise)}));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument) << refused.status().message();
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr(output), HasSubstr("5001 bytes")));
  const auto next = producer->commit(transaction_of({out(output, 0, "k", "small")}));
  EXPECT_TRUE(next.ok()) << next.status().message();
  EXPECT_THAT(values_of({output, 0}), ElementsAre("small"));
}

TEST(KafkaTransactions, AMissingTopicIsRefusedByName) {
  const std::string output = make_topic("output", 1);
  const auto producer = make_producer(unique("producer"), {output}, Duration{4'000});
  const auto refused = producer->commit(transaction_of({out(output, 0, "k", "v"), out("no-such-topic", 0, "k", "v")}));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument) << refused.status().message();
  EXPECT_THAT(refused.status().message(), HasSubstr("no-such-topic"));
  EXPECT_THAT(values_of({output, 0}), IsEmpty());
}

TEST(KafkaTransactions, ASecondProducerOfTheSameIdFencesTheFirst) {
  const std::string output = make_topic("output", 1);
  const std::string id = unique("producer");
  const auto first = make_producer(id, {output});
  ASSERT_TRUE(first->commit(transaction_of({out(output, 0, "k", "first")})).ok());
  const auto second = make_producer(id, {output});
  const auto fenced_commit = first->commit(transaction_of({out(output, 0, "k", "zombie")}));
  EXPECT_EQ(fenced_commit.status().code(), StatusCode::kFenced) << fenced_commit.status().message();
  EXPECT_EQ(first->commit(transaction_of({out(output, 0, "k", "zombie")})).status().code(), StatusCode::kFenced);
  EXPECT_TRUE(second->commit(transaction_of({out(output, 0, "k", "second")})).ok());
  EXPECT_THAT(values_of({output, 0}), ElementsAre("first", "second"));
}

TEST(KafkaTransactions, KeysGoWhereJavasClientsPutThem) {
  const std::string output = make_topic("output", 8);
  // murmur2 of "21" is -973932308, a value of Kafka's own tests; its partition is (that & 0x7fffffff) % 8.
  ASSERT_TRUE(make_producer(unique("producer"), {output})->commit(transaction_of({out(output, -1, "21", "v")})).ok());
  EXPECT_THAT(values_of({output, (-973932308 & 0x7fffffff) % 8}), ElementsAre("v"));
}

}  // namespace
}  // namespace tocsin::kafka::test
