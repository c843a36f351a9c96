// A group member, against librdkafka's mock of a cluster: answers that a real broker gives at moments only.

#include "engine/kafka/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "tests/unit/kafka/mock_cluster.h"

namespace tocsin::kafka {
namespace {

using testing::Contains;
using testing::Each;

class Consumer : public testing::Test, public log::ConsumerListener {
 protected:
  void SetUp() override {
    ConsumerOptions options;
    options.user = cluster_.user_properties();
    options.client_id = options.group = options.member = "member";
    options.topics = {"input"};
    options.clock = &system_now;
    auto consumer = open_consumer(std::move(options), *this);
    ASSERT_TRUE(consumer.ok()) << consumer.status().message();
    consumer_ = std::move(*consumer);
  }
  void TearDown() override {
    if (consumer_ == nullptr) return;
    EXPECT_TRUE(consumer_->close().ok());
  }

  // Polls until a poll after the assignment is free of errors. What the others said.
  std::vector<Status> poll_until_reading() {
    std::vector<Status> failures;
    log::RecordBatch batch;
    const Deadline deadline = Deadline::in(Duration{30'000});
    while (!deadline.passed()) {
      Status status = consumer_->poll(Duration{50}, batch);
      if (status.ok() && assigned_) return failures;
      if (!status.ok()) failures.push_back(std::move(status));
    }
    ADD_FAILURE() << "nothing was read within 30 s";
    return failures;
  }

  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override {
    if (!refusal_.ok()) return std::exchange(refusal_, Status());
    assigned_ = true;
    return std::vector<log::StartPosition>(partitions.size());
  }
  void on_revoked(const std::vector<int32_t>&) override {}
  void on_lost(const std::vector<int32_t>&) override {}
  void on_range_lost(int32_t, int64_t, int64_t) override {}
  void on_end(int32_t, int64_t, WallTime) override {}
  void on_finished(int32_t) override {}

  const MockCluster cluster_;
  std::unique_ptr<log::GroupConsumer> consumer_;
  Status refusal_;  // the listener's first answer
  bool assigned_ = false;
};

MATCHER(MayPass, "") {
  *result_listener << arg.message();
  return arg.code() == StatusCode::kUnavailable;
}
MATCHER_P(Says, text, "") { return arg.message().find(text) != std::string::npos; }

// As one that lags behind does, right after the topic was made.
TEST_F(Consumer, WaitsForABrokerThatDoesNotKnowOfTheTopicYet) {
  cluster_.refuse(kListOffsetsKey, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const std::vector<Status> failures = poll_until_reading();
  EXPECT_THAT(failures, Each(MayPass()));
  EXPECT_THAT(failures, Contains(Says("UNKNOWN_TOPIC_OR_PART")));
}

TEST_F(Consumer, AsksAListenerAgainThatDidNotFindWhatItNeeds) {
  refusal_ = not_found("the records were removed before they were read");
  const std::vector<Status> failures = poll_until_reading();
  EXPECT_THAT(failures, Each(MayPass()));
  EXPECT_THAT(failures, Contains(Says("removed before")));
}

TEST(ConsumerName, IsTheSameAfterARestart) {
  EXPECT_EQ(instance_id("one-aggregate-000", {"chat", "wallet"}), "one-aggregate-000-c7f62c9a");
  EXPECT_EQ(instance_id("m", {"chat", "wallet"}), instance_id("m", {"wallet", "chat"}));
}

TEST(ConsumerName, IsAnotherWithOtherTopics) {
  EXPECT_NE(instance_id("m", {"chat"}), instance_id("m", {"chat", "wallet"}));
  EXPECT_NE(instance_id("m", {"chat", "wallet"}), instance_id("m", {"chatwallet"}));
  EXPECT_NE(instance_id("m", {"chat"}), instance_id("n", {"chat"}));
}

}  // namespace
}  // namespace tocsin::kafka
