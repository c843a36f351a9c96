#include "engine/kafka/plain_producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/kafka/mock_cluster.h"

namespace tocsin::kafka {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(PlainProducer, AMessageThatIsRefusedSaysWhatToDoNext) {
  const MockCluster cluster;
  const auto producer = KafkaPlainProducer::make(cluster.user_properties(), "input").value();
  cluster.refuse(kProduceKey, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  ASSERT_TRUE(producer->send(0, "value", "").value());
  const Status status = producer->flush(Duration{10'000});
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("topic 'input'"), HasSubstr("grant this user")));
}

TEST(PlainProducer, ATopicThatIsNotThereIsNotFound) {
  const MockCluster cluster;
  const auto producer = KafkaPlainProducer::make(cluster.user_properties(), "input").value();
  EXPECT_EQ(producer->partition_count(Duration{10'000}).value(), 1);
  const auto other = KafkaPlainProducer::make(cluster.user_properties(), "output").value();
  EXPECT_EQ(other->partition_count(Duration{10'000}).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace tocsin::kafka
