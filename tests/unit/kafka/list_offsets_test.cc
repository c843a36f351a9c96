// Questions for offsets, against librdkafka's mock of a cluster.

#include "engine/kafka/list_offsets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <thread>

namespace tocsin::kafka {
namespace {

using testing::ElementsAre;

class ListOffsets : public testing::Test {
 protected:
  void SetUp() override {
    // Regular refreshes of the metadata are too far off to help.
    auto conf =
        make_conf({{"client.id", "test"}, {"topic.metadata.refresh.interval.ms", "600000"}, {"test.mock.num.brokers", "2"}}, {}, {});
    ASSERT_TRUE(conf.ok()) << conf.status().message();
    auto client = Client::open(RD_KAFKA_PRODUCER, std::move(*conf));
    ASSERT_TRUE(client.ok()) << client.status().message();
    client_ = std::move(*client);
    cluster_ = rd_kafka_handle_mock_cluster(client_->get());
    ASSERT_NE(cluster_, nullptr);
    rd_kafka_mock_topic_create(cluster_, "t", 2, 1);
    lead(1);
  }

  // A new term for both partitions, under this broker.
  void lead(int broker) {
    for (const int32_t partition : {0, 1}) rd_kafka_mock_partition_set_leader(cluster_, "t", partition, broker);
  }
  Result<std::vector<int64_t>> ends() const {
    return list_offsets(*client_, {{.partition = {"t", 1}}, {.partition = {"t", 0}}}, Isolation::kCommitted, 5'000);
  }

  std::shared_ptr<Client> client_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

TEST_F(ListOffsets, AreAnsweredAfterTheLeaderBeganANewTerm) {
  const auto before = ends();
  ASSERT_TRUE(before.ok()) << before.status().message();
  lead(1);
  const auto after = ends();
  ASSERT_TRUE(after.ok()) << after.status().message();
  EXPECT_THAT(*after, ElementsAre(0, 0));
}

TEST_F(ListOffsets, AreAnsweredAfterThePartitionsMovedToAnotherLeader) {
  ASSERT_TRUE(ends().ok());
  lead(2);
  const auto after = ends();
  ASSERT_TRUE(after.ok()) << after.status().message();
  EXPECT_THAT(*after, ElementsAre(0, 0));
}

// A broker of three was killed, and the client learned of its partitions before they had new leaders: a restore asked in vain for
// minutes, since librdkafka believed that and asked no broker.
TEST_F(ListOffsets, AreAnsweredAfterTheClientLearnedThatThereWasNoLeader) {
  lead(-1);
  std::jthread elected([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    lead(2);
  });
  const auto after = ends();
  ASSERT_TRUE(after.ok()) << after.status().message();
  EXPECT_THAT(*after, ElementsAre(0, 0));
}

}  // namespace
}  // namespace tocsin::kafka
