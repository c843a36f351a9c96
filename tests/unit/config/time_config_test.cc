#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace tocsin::config {
namespace {

using testing::HasSubstr;

Result<TimeConfig> parse_time(std::string_view text, const std::vector<std::string>& overrides = {}) {
  const Result<ReplayConfig> config = parse_replay_config(text, "t.yaml", overrides, environment_of({}));
  if (!config.ok()) return config.status();
  return config->time;
}

TEST(TimeConfig, IsReadWithoutWhatTheOtherSectionsNeed) {
  const Result<TimeConfig> time = parse_time(
      "instance: ${HOSTNAME}\n"
      "kafka: {bootstrap.servers: '${BROKERS}', sasl.password: '${PASSWORD}'}\n"
      "http: {listen: ':8080'}\n"
      "input: {format: otlp_json}\n"
      "time: {resolution: 1s, max_out_of_orderness: 2s, idle_timeout: never}\n",
      {"time.max_out_of_orderness=3s"});
  ASSERT_TRUE(time.ok()) << time.status().message();
  EXPECT_EQ(time->resolution.ms, 1000);
  EXPECT_EQ(time->max_out_of_orderness.ms, 3000);
  EXPECT_EQ(time->idle_timeout, std::nullopt);
}

TEST(TimeConfig, MistakesInOtherSectionsAreStillMistakes) {
  EXPECT_THAT(parse_time("memroy: 1GiB").status().message(), HasSubstr("t.yaml:1:1: unknown key 'memroy'; did you mean 'memory'?"));
  EXPECT_THAT(parse_time("memory: lots").status().message(), HasSubstr("memory: must be a size"));
}

TEST(TimeConfig, AVariableInTimeMustBeSet) {
  EXPECT_THAT(parse_time("time: {resolution: '${R}'}").status().message(), HasSubstr("variable R is not set"));
}

TEST(TimeConfig, WithoutAFileTheDefaultsHold) {
  const Result<ReplayConfig> config = load_replay_config(std::nullopt, {"time.resolution=1s"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->time.resolution.ms, 1000);
  EXPECT_EQ(config->time.max_out_of_orderness.ms, 500);
  EXPECT_THAT(load_replay_config("/no/such.yaml", {}).status().message(),
              HasSubstr("/no/such.yaml: the file cannot be read: No such file"));
}

TEST(ReplayConfig, HasWhatRulesAreCheckedAgainst) {
  const Result<ReplayConfig> config =
      parse_replay_config("alerts: {severities: [P2, P1]}\nstate: {max_window: 60d}\n", "t.yaml", {}, environment_of({}));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_THAT(config->severities, testing::ElementsAre("P2", "P1"));
  EXPECT_EQ(config->max_window.ms, 60LL * 24 * 3600 * 1000);
}

}  // namespace
}  // namespace tocsin::config
