#include "engine/config/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Descriptions = std::vector<kafka::TopicDescription>;

// What a broker would describe after everything was made as wanted.
Descriptions all_is_well(const Config& config) {
  Descriptions found;
  for (const std::string& name : config.input.topics)
    found.push_back({.name = name, .exists = true, .partitions = 4, .replication_factor = 1, .configs = {}});
  for (const kafka::TopicSpec& topic : own_topics(config)) {
    found.push_back(
        {.name = topic.name, .exists = true, .partitions = topic.partitions, .replication_factor = 1, .configs = topic.configs});
  }
  return found;
}

kafka::TopicDescription& named(Descriptions& found, const std::string& name) {
  return *std::find_if(found.begin(), found.end(), [&](const kafka::TopicDescription& topic) { return topic.name == name; });
}

TEST(Topics, AreNamedAfterTheApp) {
  Config config;
  config.app = "shop";
  EXPECT_THAT(topic_names(config), ElementsAre("telemetry", "shop.partials", "shop.changelog", "shop.alerts", "shop.signals",
                                               "shop.control", "shop.dead-letters", "shop.alert-states"));
}

TEST(Topics, AllStampRecordsWhenTheyAppendThemAndSayHowLongTheyKeepThem) {
  for (const kafka::TopicSpec& topic : own_topics(Config())) {
    EXPECT_THAT(topic.configs, Contains(Pair("message.timestamp.type", "LogAppendTime"))) << topic.name;
    EXPECT_THAT(topic.configs, Contains(Pair("retention.ms", testing::Not(IsEmpty())))) << topic.name;
    EXPECT_THAT(topic.configs, Contains(Pair("compression.type", "producer"))) << topic.name;
  }
}

TEST(Topics, StateIsCompactedAndNeverExpires) {
  Config config;
  config.topics.retention = Duration{86'400'000};
  for (const kafka::TopicSpec& topic : own_topics(config)) {
    const bool state = topic.name == "tocsin.changelog" || topic.name == "tocsin.control" || topic.name == "tocsin.alert-states";
    EXPECT_EQ(topic.configs.at("cleanup.policy"), state ? "compact" : "delete") << topic.name;
    EXPECT_EQ(topic.configs.at("retention.ms"), state ? "-1" : "86400000") << topic.name;
    EXPECT_EQ(topic.configs.contains("delete.retention.ms"), state) << topic.name;
  }
}

TEST(Topics, ControlHasOnePartitionAndTheOthersAsManyAsConfigured) {
  Config config;
  config.topics.partitions = 12;
  config.topics.replication_factor = 3;
  for (const kafka::TopicSpec& topic : own_topics(config)) {
    EXPECT_EQ(topic.partitions, topic.name == "tocsin.control" ? 1 : 12) << topic.name;
    EXPECT_EQ(topic.replication_factor, 3) << topic.name;
  }
}

TEST(TopicCheck, FindsNothingInTopicsMadeAsWanted) {
  const Config config;
  EXPECT_THAT(check_own_topics(config, all_is_well(config)), IsEmpty());
  EXPECT_THAT(check_input_topics(config, all_is_well(config)), IsEmpty());
}

TEST(TopicCheck, NamesMissingTopics) {
  const Config config;
  Descriptions found = all_is_well(config);
  named(found, "tocsin.alerts").exists = false;
  named(found, "telemetry").exists = false;
  EXPECT_THAT(check_own_topics(config, found), ElementsAre("topic tocsin.alerts does not exist; run `tocsin topics --create`"));
  EXPECT_THAT(check_input_topics(config, found), ElementsAre(HasSubstr("input topic telemetry does not exist")));
}

TEST(TopicCheck, NamesWrongTimestampsAndCleanup) {
  const Config config;
  Descriptions found = all_is_well(config);
  named(found, "tocsin.alerts").configs["message.timestamp.type"] = "CreateTime";
  named(found, "tocsin.changelog").configs["cleanup.policy"] = "delete";
  EXPECT_THAT(check_own_topics(config, found),
              ElementsAre(HasSubstr("topic tocsin.changelog: cleanup.policy is 'delete' and must be 'compact'"),
                          AllOf(HasSubstr("topic tocsin.alerts: message.timestamp.type is 'CreateTime' and must be 'LogAppendTime'"),
                                HasSubstr("run kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --alter --topic tocsin.alerts "
                                          "--add-config message.timestamp.type=LogAppendTime"))));
}

TEST(TopicCheck, PartialsAndChangelogNeedEquallyManyPartitions) {
  const Config config;
  Descriptions found = all_is_well(config);
  named(found, "tocsin.partials").partitions = 16;
  EXPECT_THAT(check_own_topics(config, found), ElementsAre(HasSubstr("tocsin.partials has 16 partitions and tocsin.changelog has 8")));
  named(found, "tocsin.changelog").partitions = 16;  // another number than configured is the owner's choice
  EXPECT_THAT(check_own_topics(config, found), IsEmpty());
}

TEST(TopicCheck, ControlNeedsOnePartition) {
  const Config config;
  Descriptions found = all_is_well(config);
  named(found, "tocsin.control").partitions = 2;
  EXPECT_THAT(check_own_topics(config, found), ElementsAre(HasSubstr("tocsin.control has 2 partitions and must have 1")));
}

}  // namespace
}  // namespace tocsin::config
