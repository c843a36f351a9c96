// Transactions, against librdkafka's mock of a cluster: what a real one cannot be made to do at will.

#include "engine/kafka/producer.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <thread>

#include "engine/kafka/consumer.h"

namespace tocsin::kafka {
namespace {

constexpr int16_t kFindCoordinator = 10;  // API key

class Producer : public testing::Test {
 protected:
  void SetUp() override {
    auto conf = make_conf({{"client.id", "cluster"}, {"test.mock.num.brokers", "1"}}, {}, {});
    ASSERT_TRUE(conf.ok()) << conf.status().message();
    auto holder = Client::open(RD_KAFKA_PRODUCER, std::move(*conf));
    ASSERT_TRUE(holder.ok()) << holder.status().message();
    holder_ = std::move(*holder);
    cluster_ = rd_kafka_handle_mock_cluster(holder_->get());
    ASSERT_NE(cluster_, nullptr);
    rd_kafka_mock_topic_create(cluster_, "input", 1, 1);
    ProducerOptions options;
    options.user = {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_)}};
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

  std::shared_ptr<Client> holder_;  // of the cluster
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  std::unique_ptr<log::TransactionalProducer> producer_;
};

// librdkafka asks for the group's coordinator once, and after this answer again only when a connection comes or goes.
TEST_F(Producer, LeavesOffsetsBehindThatAreNotSentByTheTransactionsTimeOut) {
  rd_kafka_mock_push_request_errors(cluster_, kFindCoordinator, 1, RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(commit_offset(5), StatusCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_EQ(CallThread::left_behind(), 1);
  EXPECT_EQ(commit_offset(5), StatusCode::kOk);
  // A connection goes and comes: the call ends, in vain.
  rd_kafka_mock_broker_set_down(cluster_, 1);
  rd_kafka_mock_broker_set_up(cluster_, 1);
  while (CallThread::left_behind() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace tocsin::kafka
