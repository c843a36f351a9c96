// Transactions, against librdkafka's mock of a cluster: what a real one cannot be made to do at will.

#include "engine/kafka/producer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "engine/kafka/consumer.h"
#include "tests/unit/kafka/mock_cluster.h"

namespace tocsin::kafka {
namespace {

class Producer : public testing::Test {
 protected:
  void SetUp() override {
    ProducerOptions options;
    options.user = cluster_.user_properties();
    options.client_id = options.transactional_id = "producer";
    options.transaction_timeout = Duration{2'000};
    auto producer = open_producer(std::move(options));
    ASSERT_TRUE(producer.ok()) << producer.status().message();
    producer_ = std::move(*producer);
  }

  StatusCode commit_offset(int64_t offset) {
    log::Transaction transaction;
    transaction.offsets.push_back({.partition = {"input", 0}, .offset = offset, .metadata = {}});
    transaction.group = std::make_shared<KafkaGroupMetadata>(GroupMetadataHandle(rd_kafka_consumer_group_metadata_new("group")));
    return producer_->commit(std::move(transaction)).status().code();
  }

  const MockCluster cluster_;
  std::unique_ptr<log::TransactionalProducer> producer_;
};

// librdkafka asks for the group's coordinator once, and after this answer again only when a connection comes or goes.
TEST_F(Producer, LeavesOffsetsBehindThatAreNotSentByTheTransactionsTimeOut) {
  cluster_.refuse(kFindCoordinatorKey, RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(commit_offset(5), StatusCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_EQ(CallThread::left_behind(), 1);
  EXPECT_EQ(commit_offset(5), StatusCode::kOk);
  // A connection goes and comes: the call ends, in vain.
  rd_kafka_mock_broker_set_down(cluster_.get(), 1);
  rd_kafka_mock_broker_set_up(cluster_.get(), 1);
  while (CallThread::left_behind() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace tocsin::kafka
