#include "engine/kafka/deliveries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::kafka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

log::OutRecord record(std::string topic, int32_t partition) {
  log::OutRecord out;
  out.topic = std::move(topic);
  out.partition = partition;
  out.key = "key";
  out.value = "value";
  return out;
}

void report(Deliveries& deliveries, size_t index, int64_t offset, rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR) {
  rd_kafka_message_t message{};
  message._private = Deliveries::tag(index);
  message.offset = offset;
  message.err = err;
  deliveries.delivered(message);
}

TEST(Deliveries, TheReceiptHoldsTheHighestOffsetOfEachExplicitPartition) {
  const std::vector<log::OutRecord> records = {record("a", 1), record("a", 1), record("a", 0), record("b", -1), record("b", 2)};
  Deliveries deliveries(records);
  report(deliveries, 0, 11);
  report(deliveries, 1, 10);
  report(deliveries, 2, 0);
  report(deliveries, 3, 99);
  report(deliveries, 4, 5);
  EXPECT_THAT(deliveries.receipt().last_offsets, ElementsAre(Pair(log::TopicPartition{"a", 0}, 0), Pair(log::TopicPartition{"a", 1}, 11),
                                                             Pair(log::TopicPartition{"b", 2}, 5)));
}

TEST(Deliveries, AnOffsetThatTheBrokerDidNotSayIsUnknownForThePartition) {
  const std::vector<log::OutRecord> records = {record("a", 1), record("a", 1), record("a", 1), record("b", 2)};
  Deliveries deliveries(records);
  report(deliveries, 0, 40);
  report(deliveries, 1, -1);
  report(deliveries, 2, 0);
  report(deliveries, 3, 5);
  EXPECT_THAT(deliveries.receipt().last_offsets, ElementsAre(Pair(log::TopicPartition{"a", 1}, -1), Pair(log::TopicPartition{"b", 2}, 5)));
}

TEST(Deliveries, TheFirstRefusalNamesTopicAndSize) {
  const std::vector<log::OutRecord> records = {record("a", 1), record("b", -1)};
  Deliveries deliveries(records);
  report(deliveries, 1, -1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  report(deliveries, 0, -1, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
  ASSERT_TRUE(deliveries.refusal().has_value());
  EXPECT_EQ(deliveries.refusal()->code, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  EXPECT_THAT(deliveries.refusal()->what, HasSubstr("topic 'b', 8 bytes"));
  EXPECT_THAT(deliveries.receipt().last_offsets, IsEmpty());
}

TEST(Deliveries, ARecordThatFellWithItsTransactionIsNoRefusal) {
  const std::vector<log::OutRecord> records = {record("a", 1)};
  Deliveries deliveries(records);
  report(deliveries, 0, -1, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
  EXPECT_FALSE(deliveries.refusal().has_value());
}

}  // namespace
}  // namespace tocsin::kafka
