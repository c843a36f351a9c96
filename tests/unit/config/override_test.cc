#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace tocsin::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Override, WinsOverTheFileAndTheLastOneOverOthers) {
  const Result<Config> config = parse("time: {resolution: 100ms}", {"time.resolution=200ms", "time.resolution=500ms", "app=other"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->time.resolution.ms, 500);
  EXPECT_EQ(config->app, "other");
}

TEST(Override, ReachesKafkaPropertiesWithDotsInTheirNames) {
  const Result<Config> config = parse("", {"kafka.bootstrap.servers=b1:9092,b2:9092", "kafka.ssl.ca.location=/etc/ca.pem"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->kafka.at("bootstrap.servers"), "b1:9092,b2:9092");
  EXPECT_EQ(config->kafka.at("ssl.ca.location"), "/etc/ca.pem");
}

TEST(Override, TakesListsAndWholeSections) {
  const Result<Config> config = parse("", {"input.topics=[a, b]", "topics={partitions: 4, retention: 1d}"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_THAT(config->input.topics, ElementsAre("a", "b"));
  EXPECT_EQ(config->topics.partitions, 4);
}

TEST(Override, RulesAreRelativeToTheWorkingDirectory) {
  EXPECT_THAT(parse("rules: [a.yaml]", {"rules=[here/b.yaml]"})->rules, ElementsAre("here/b.yaml"));
}

TEST(Override, ReplacesVariablesToo) { EXPECT_EQ(parse("", {"state.path=/data/${PORT}"})->state.path, "/data/9093"); }

TEST(Override, MistakesNameTheFlag) {
  EXPECT_EQ(error_of("", {"time.resolutoin=1s"}), "--set time.resolutoin: unknown key 'resolutoin' in time; did you mean 'resolution'?");
  EXPECT_THAT(error_of("", {"time.resolution=3s"}), HasSubstr("--set time.resolution: time.resolution: must be from"));
  EXPECT_THAT(error_of("", {"time.resolution"}), HasSubstr("--set time.resolution: write it as key=value"));
  EXPECT_THAT(error_of("", {"=1s"}), HasSubstr("write it as key=value"));
  EXPECT_THAT(error_of("", {"time.resolution="}), HasSubstr("time.resolution: must be a length of time"));
  EXPECT_THAT(error_of("", {"input.topics=[a"}), HasSubstr("--set input.topics:1:"));
  EXPECT_THAT(error_of("", {"kafka.group.id=x"}), HasSubstr("--set kafka.group.id: kafka: group.id cannot be set"));
  EXPECT_THAT(error_of("", {"nothing.here=1"}), HasSubstr("unknown key 'here' in nothing"));
}

TEST(Override, MistakesOfFileAndFlagsAreToldTogether) {
  EXPECT_THAT(error_of("app: 'a b'", {"memory=x"}),
              testing::AllOf(HasSubstr("conf/tocsin.yaml:1:6: app:"), HasSubstr("\n--set memory: memory:")));
}

}  // namespace
}  // namespace tocsin::config
