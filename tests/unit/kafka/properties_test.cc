#include "engine/kafka/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/kafka/conf.h"
#include "engine/kafka/kafka.h"

namespace tocsin::kafka {
namespace {

using testing::HasSubstr;
using testing::Not;

const Properties kPlain = {{"bootstrap.servers", "127.0.0.1:9092"}};

Properties with(const std::string& key, const std::string& value) {
  Properties properties = kPlain;
  properties[key] = value;
  return properties;
}

TEST(Properties, ConnectionAndTuningAreTakenAsTheyAre) {
  Properties properties = kPlain;
  properties["security.protocol"] = "sasl_ssl";
  properties["sasl.mechanisms"] = "SCRAM-SHA-512";
  properties["sasl.username"] = "tocsin";
  properties["sasl.password"] = "pa55";
  properties["message.max.bytes"] = "5000000";
  properties["session.timeout.ms"] = "10000";
  EXPECT_TRUE(check_properties(properties).ok()) << check_properties(properties).message();
}

TEST(Properties, WhatDeliveryRestsOnIsRefusedWithTheReason) {
  for (const char* key : {"group.id",
                          "group.instance.id",
                          "group.protocol",
                          "transactional.id",
                          "transaction.timeout.ms",
                          "enable.auto.commit",
                          "auto.commit.enable",
                          "enable.auto.offset.store",
                          "isolation.level",
                          "auto.offset.reset",
                          "enable.idempotence",
                          "acks",
                          "request.required.acks",
                          "partition.assignment.strategy",
                          "enable.partition.eof",
                          "message.timeout.ms",
                          "retries",
                          "partitioner",
                          "queued.max.messages.kbytes",
                          "allow.auto.create.topics",
                          "delivery.report.only.error",
                          "dr_msg_cb",
                          "rebalance_cb",
                          "test.mock.num.brokers"}) {
    const Status status = check_properties(with(key, "1"));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << key;
    EXPECT_THAT(status.message(), HasSubstr(std::string("kafka: ") + key + " cannot be set: ")) << key;
  }
}

TEST(Properties, EachRefusedKeyIsOneThatLibrdkafkaKnows) {
  // Otherwise the refusal would guard a misspelling, and the real key would pass.
  for (const char* key : {"acks", "auto.offset.reset", "delivery.timeout.ms", "enable.gapless.guarantee", "group.protocol",
                          "group.remote.assignor", "message.send.max.retries", "offset.store.method", "produce.offset.report",
                          "queuing.strategy", "topic.metadata.propagation.max.ms", "transactional.id"}) {
    EXPECT_FALSE(refusal(key).empty()) << key;
    const Result<ConfHandle> conf = make_conf({}, {{key, "no such value"}}, {});
    EXPECT_THAT(conf.status().message(), Not(HasSubstr("No such configuration property"))) << key;
  }
}

TEST(Properties, AnUnknownKeyGivesLibrdkafkasMessageWithTheKey) {
  const Status status = check_properties(with("bootstrap.server", "x"));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("kafka: bootstrap.server: No such configuration property"));
}

TEST(Properties, AValueOutOfRangeGivesLibrdkafkasMessageWithTheKey) {
  EXPECT_THAT(check_properties(with("socket.timeout.ms", "-5")).message(), HasSubstr("kafka: socket.timeout.ms: "));
}

TEST(Properties, BrokersHaveToBeNamed) {
  EXPECT_THAT(check_properties({}).message(), HasSubstr("bootstrap.servers is missing"));
  EXPECT_TRUE(check_properties({{"metadata.broker.list", "a:1"}}).ok());
}

TEST(Properties, ASecretNeverShowsInAMessage) {
  // librdkafka quotes the value it cannot parse.
  const Status status = check_properties(with("ssl.key.pem", "hunter2-no-pem"));
  EXPECT_THAT(status.message(), Not(HasSubstr("hunter2")));
  EXPECT_TRUE(is_secret("sasl.password"));
  EXPECT_TRUE(is_secret("ssl.key.password"));
  EXPECT_TRUE(is_secret("sasl.oauthbearer.client.secret"));
  EXPECT_TRUE(is_secret("sasl.oauthbearer.config"));
  EXPECT_FALSE(is_secret("sasl.oauthbearer.token.endpoint.url"));
  EXPECT_FALSE(is_secret("bootstrap.servers"));
}

TEST(Properties, FixedWinOverTheUsersWhichWinOverDefaults) {
  const Result<ConfHandle> conf =
      make_conf({{"client.id", "default"}, {"linger.ms", "1"}}, {{"client.id", "user"}, {"linger.ms", "7"}}, {{"client.id", "fixed"}});
  ASSERT_TRUE(conf.ok());
  char value[64];
  size_t size = sizeof(value);
  ASSERT_EQ(rd_kafka_conf_get(conf->get(), "client.id", value, &size), RD_KAFKA_CONF_OK);
  EXPECT_STREQ(value, "fixed");
  size = sizeof(value);
  ASSERT_EQ(rd_kafka_conf_get(conf->get(), "linger.ms", value, &size), RD_KAFKA_CONF_OK);
  EXPECT_EQ(std::stod(value), 7);
}

TEST(Properties, AConsumerRefusesPatternsAndBadProperties) {
  struct Listener final : log::ConsumerListener {
    Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>&) override {
      return std::vector<log::StartPosition>();
    }
    void on_revoked(const std::vector<int32_t>&) override {}
    void on_lost(const std::vector<int32_t>&) override {}
    void on_range_lost(int32_t, int64_t, int64_t) override {}
    void on_end(int32_t, int64_t, WallTime) override {}
    void on_finished(int32_t) override {}
  } listener;
  ConsumerOptions options;
  options.user = kPlain;
  options.client_id = options.group = options.member = "g";
  options.clock = [] { return WallTime{}; };
  options.topics = {"^telemetry.*"};
  EXPECT_THAT(open_consumer(options, listener).status().message(), HasSubstr("patterns are not taken"));
  options.topics = {"telemetry"};
  options.user["isolation.level"] = "read_uncommitted";
  EXPECT_EQ(open_consumer(options, listener).status().code(), StatusCode::kInvalidArgument);
}

TEST(Properties, AProducerWithoutABrokerGivesUpInTime) {
  ProducerOptions options;
  options.user = {{"bootstrap.servers", "127.0.0.1:1"}};
  options.client_id = options.transactional_id = "t";
  options.replace_timeout = Duration{300};
  EXPECT_EQ(open_producer(options).status().code(), StatusCode::kUnavailable);
}

TEST(Properties, AStopEndsTheWaitForABroker) {
  std::stop_source source;
  source.request_stop();
  ProducerOptions options;
  options.user = {{"bootstrap.servers", "127.0.0.1:1"}};
  options.client_id = options.transactional_id = "t";
  options.stop = source.get_token();
  EXPECT_THAT(open_producer(options).status().message(), HasSubstr("stopped"));
}

}  // namespace
}  // namespace tocsin::kafka
