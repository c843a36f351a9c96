#pragma once

// librdkafka's mock of a cluster, for what a real one cannot be made to do at will. It is no proof of delivery: it shows aborted records.
//
// Thread: one.

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/kafka/client.h"

namespace tocsin::kafka {

// API keys of requests that tests have refused.
constexpr int16_t kProduceKey = 0, kListOffsetsKey = 2, kFindCoordinatorKey = 10;

// One broker with a topic "input" of one partition.
class MockCluster {
 public:
  MockCluster() {
    Result<ConfHandle> conf = make_conf({{"client.id", "cluster"}, {"test.mock.num.brokers", "1"}}, {}, {});
    EXPECT_TRUE(conf.ok()) << conf.status().message();
    Result<std::shared_ptr<Client>> holder = Client::open(RD_KAFKA_PRODUCER, std::move(conf).value());
    EXPECT_TRUE(holder.ok()) << holder.status().message();
    holder_ = std::move(holder).value();
    rd_kafka_mock_topic_create(get(), "input", 1, 1);
    rd_kafka_mock_group_initial_rebalance_delay_ms(get(), 0);
  }

  rd_kafka_mock_cluster_t* get() const { return rd_kafka_handle_mock_cluster(holder_->get()); }
  Properties user_properties() const { return {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(get())}}; }
  // The next requests of a kind are answered with these errors, one each.
  template <typename... Errors>
  void refuse(int16_t api_key, Errors... errors) const {
    rd_kafka_mock_push_request_errors(get(), api_key, sizeof...(errors), errors...);
  }

 private:
  std::shared_ptr<Client> holder_;
};

}  // namespace tocsin::kafka
