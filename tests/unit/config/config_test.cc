#include "engine/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace tocsin::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Kind = log::StartPosition::Kind;

TEST(Config, AnEmptyFileGivesTheDefaultsOfTheSpecification) {
  const Result<Config> config = parse("");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->app, "tocsin");
  EXPECT_EQ(config->instance, "host-1");
  EXPECT_EQ(config->memory_bytes, 2'147'483'648);
  EXPECT_EQ(config->kafka, (kafka::Properties{{"bootstrap.servers", "127.0.0.1:9092"}}));
  EXPECT_THAT(config->input.topics, ElementsAre("telemetry"));
  EXPECT_EQ(config->input.format, InputConfig::Format::kAuto);
  EXPECT_EQ(config->input.start.kind, Kind::kLatest);
  EXPECT_EQ(config->topics.partitions, 8);
  EXPECT_EQ(config->topics.replication_factor, 1);
  EXPECT_EQ(format_duration(config->topics.retention), "1w");
  EXPECT_THAT(config->rules, ElementsAre("conf/rules/*.yaml"));
  EXPECT_EQ(config->time.resolution.ms, 250);
  EXPECT_EQ(config->time.max_out_of_orderness.ms, 500);
  EXPECT_EQ(format_duration(config->time.allowed_lateness), "1h");
  EXPECT_EQ(format_duration(config->time.max_future_skew), "1m");
  EXPECT_EQ(format_duration(config->time.group_retention), "1d");
  EXPECT_EQ(config->time.idle_timeout, Duration{1000});
  EXPECT_EQ(config->aggregate.workers, 0);
  EXPECT_EQ(config->aggregate.flush_interval.ms, 100);
  EXPECT_EQ(config->aggregate.max_series, 1'000'000);
  EXPECT_THAT(config->aggregate.contributors, ElementsAre("operation", "error_code", "region"));
  EXPECT_EQ(config->state.path, "state");
  EXPECT_EQ(format_duration(config->state.max_window), "5w");
  EXPECT_EQ(config->alerts.format, AlertsConfig::Format::kJson);
  EXPECT_THAT(config->alerts.severities, ElementsAre("INFO", "WARN", "ERROR", "CRITICAL"));
  EXPECT_EQ(config->http.listen, std::nullopt);
}

TEST(Config, EveryKeyCanBeSet) {
  const Result<Config> config = parse(R"(
app: shop-1
instance: node_7
memory: 512MiB
kafka: {bootstrap.servers: "b1:9092,b2:9092", security.protocol: ssl, socket.nagle.disable: true, statistics.interval.ms: 0}
input: {topics: [a, b], format: protobuf, start: 2026-01-31T08:00:00Z}
topics: {partitions: 16, replication_factor: 3, retention: 36h}
rules: [/etc/tocsin/*.yaml, more/x.yaml]
time: {resolution: 1s, max_out_of_orderness: 0, allowed_lateness: 5m, max_future_skew: 5s, group_retention: 2h, idle_timeout: never}
aggregate: {workers: 4, flush_interval: 250ms, max_series: 5000, contributors: []}
state: {path: /var/lib/tocsin, max_window: 7d}
alerts: {format: protobuf, severities: [P4, P3, P2, P1]}
http: {listen: "127.0.0.1:8080"}
)");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->app, "shop-1");
  EXPECT_EQ(config->instance, "node_7");
  EXPECT_EQ(config->memory_bytes, 512 << 20);
  EXPECT_EQ(config->kafka, (kafka::Properties{{"bootstrap.servers", "b1:9092,b2:9092"},
                                              {"security.protocol", "ssl"},
                                              {"socket.nagle.disable", "true"},
                                              {"statistics.interval.ms", "0"}}));
  EXPECT_THAT(config->input.topics, ElementsAre("a", "b"));
  EXPECT_EQ(config->input.format, InputConfig::Format::kProtobuf);
  EXPECT_EQ(config->input.start.kind, Kind::kTime);
  EXPECT_EQ(config->input.start.value, 1'769'846'400'000);
  EXPECT_EQ(config->topics.partitions, 16);
  EXPECT_EQ(config->topics.replication_factor, 3);
  EXPECT_EQ(config->topics.retention.ms, 36LL * 3600 * 1000);
  EXPECT_THAT(config->rules, ElementsAre("/etc/tocsin/*.yaml", "conf/more/x.yaml"));
  EXPECT_EQ(config->time.resolution.ms, 1000);
  EXPECT_EQ(config->time.max_out_of_orderness.ms, 0);
  EXPECT_EQ(config->time.idle_timeout, std::nullopt);
  EXPECT_EQ(config->aggregate.workers, 4);
  EXPECT_TRUE(config->aggregate.contributors.empty());
  EXPECT_EQ(config->state.path, "/var/lib/tocsin");
  EXPECT_EQ(config->alerts.format, AlertsConfig::Format::kProtobuf);
  EXPECT_THAT(config->alerts.severities, ElementsAre("P4", "P3", "P2", "P1"));
}

TEST(Config, AllMistakesAreToldInOneGoWithTheirPlaces) {
  EXPECT_EQ(error_of("ap: x\n"
                     "time:\n"
                     "  resolutoin: 1s\n"
                     "  allowed_lateness: soon\n"
                     "memory: 2 gigs\n"
                     "memory: 2GiB\n"),
            "conf/tocsin.yaml:1:1: unknown key 'ap'; did you mean 'app'?\n"
            "conf/tocsin.yaml:3:3: unknown key 'resolutoin' in time; did you mean 'resolution'?\n"
            "conf/tocsin.yaml:4:21: time.allowed_lateness: must be a length of time such as 90s, 250ms or 1h30m, not 'soon'\n"
            "conf/tocsin.yaml:5:9: memory: must be a size such as 2GiB, 512MiB or 100MB, not '2 gigs'\n"
            "conf/tocsin.yaml:6:1: memory is set twice; keep one of them");
}

TEST(Config, ASectionMustBeAMappingAndMayBeEmpty) {
  EXPECT_THAT(error_of("time: 5"), HasSubstr("time must be a mapping"));
  EXPECT_THAT(error_of("[a]"), HasSubstr("1:1: the configuration must be a mapping"));
  EXPECT_TRUE(parse("time:\ninput:\nkafka:\n").ok());
  EXPECT_THAT(error_of("time.resolution: 1s"), HasSubstr("unknown key 'time.resolution'"));
}

struct BadValue {
  const char* yaml;
  const char* message;
};

TEST(Config, AValueOutOfRangeSaysWhatWouldBeRight) {
  const std::vector<BadValue> cases = {
      {"app: a/b", "app: 'a/b' must have 1 to 200 letters, digits"},
      {"app: ..", "app: '..' must have"},
      {"instance: 'a b'", "instance: 'a b' must have"},
      {"memory: 1MiB", "memory: must be at least 128MiB, not 1MiB"},
      {"input: {topics: []}", "input.topics: must name at least one topic"},
      {"input: {topics: [a, a]}", "input.topics: 'a' stands in the list twice"},
      {"input: {topics: ['a b']}", "input.topics: 'a b' must have"},
      {"input: {topics: telemetry}", "input.topics: must be a list"},
      {"input: {format: jsn}", "did you mean 'json'?"},
      {"input: {start: now}", "input.start: must be earliest, latest, a time"},
      {"topics: {partitions: 0}", "topics.partitions: must be a whole number from 1 to 1000"},
      {"topics: {partitions: 1.5}", "topics.partitions: must be a whole number"},
      {"topics: {replication_factor: 16}", "topics.replication_factor: must be a whole number from 1 to 15"},
      {"topics: {retention: 10s}", "topics.retention: must be from 1m"},
      {"time: {resolution: 300ms}", "time.resolution: must divide 1s, which 300ms does not"},
      {"time: {resolution: 2s}", "time.resolution: must be from 1ms to 1s"},
      {"time: {idle_timeout: 0}", "write never"},
      {"time: {group_retention: 0}", "time.group_retention: must be from 1ms"},
      {"time: {allowed_lateness: 5}", "time.allowed_lateness: must be a length of time"},
      {"aggregate: {workers: 0}", "aggregate.workers: must be auto or a whole number from 1 to 256"},
      {"aggregate: {flush_interval: 1ms}", "aggregate.flush_interval: must be from 10ms to 10s"},
      {"aggregate: {max_series: 1}", "aggregate.max_series: must be a whole number from 100"},
      {"state: {path: ''}", "state.path: must not be empty"},
      {"state: {max_window: 0}", "state.max_window: must be from 1s"},
      {"alerts: {format: xml}", "alerts.format: must be one of json, protobuf"},
      {"alerts: {severities: []}", "alerts.severities: must name at least one severity"},
      {"alerts: {severities: [WARN, page]}", "'page' ranks above all others by itself"},
  };
  for (const BadValue& bad : cases) EXPECT_THAT(error_of(bad.yaml), HasSubstr(bad.message)) << bad.yaml;
}

TEST(Config, HttpListensOnAnAddressAndAPort) {
  const auto listen = [](const std::string& text) { return parse("http: {listen: '" + text + "'}")->http.listen; };
  using Listen = HttpConfig::Listen;
  EXPECT_EQ(listen("127.0.0.1:8080"), (Listen{"127.0.0.1", 8080}));
  EXPECT_EQ(listen("[::1]:8080"), (Listen{"::1", 8080}));
  EXPECT_EQ(listen("localhost:0"), (Listen{"localhost", 0}));
  EXPECT_EQ(listen(":65535"), (Listen{"", 65535}));
  EXPECT_EQ(parse("", {"http.listen='[::]:9'"})->http.listen, (Listen{"::", 9}));
  for (const char* bad : {"8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80 ", "::1:8080", "[]:1",
                          "[::1]8080", "http://127.0.0.1:80", "a b:80"}) {
    EXPECT_THAT(error_of(std::string("http: {listen: '") + bad + "'}"), HasSubstr("http.listen: must be an address and a port")) << bad;
  }
  EXPECT_THAT(error_of("http: {listen: [a, b]}"), HasSubstr("http.listen: must be an address and a port"));
  EXPECT_THAT(error_of("http: {lissten: ':1'}"), HasSubstr("unknown key 'lissten' in http; did you mean 'listen'?"));
}

TEST(Config, WhatThisVersionCannotDoIsRefusedByName) {
  EXPECT_THAT(error_of("http: {tokens: tokens.yaml}"),
              HasSubstr("http.tokens: this version serves nothing over HTTP that could be written to"));
  EXPECT_THAT(error_of("http: {tls: {cert: c.pem, key: k.pem}}"), HasSubstr("http.tls: TLS is not supported by this version yet"));
  EXPECT_THAT(error_of("input: {format: otlp_proto}"), HasSubstr("otlp_proto is not supported by this version yet"));
  EXPECT_THAT(error_of("input: {format: otlp_json}"), HasSubstr("otlp_json is not supported"));
}

TEST(Config, AKafkaPropertyOnWhichDeliveryRestsIsRefusedWhereItStands) {
  EXPECT_THAT(error_of("kafka:\n  bootstrap.servers: b:9092\n  enable.auto.commit: true\n"),
              HasSubstr("conf/tocsin.yaml:3:3: kafka: enable.auto.commit cannot be set"));
  EXPECT_THAT(error_of("kafka: {no.such.property: 1}"), HasSubstr("conf/tocsin.yaml:1:9: kafka: no.such.property"));
  EXPECT_THAT(error_of("kafka: {bootstrap.servers: [a, b]}"), HasSubstr("kafka.bootstrap.servers: must be a single value"));
}

TEST(Config, ASecretIsNotShownInAMessage) { EXPECT_THAT(error_of("kafka: {ssl.key.password: '${hush'}"), Not(HasSubstr("hush"))); }

TEST(Config, AnInputTopicMayNotBeOneThatThisAppWrites) {
  EXPECT_EQ(error_of("app: x\ninput: {topics: [telemetry, x.alerts]}"),
            "conf/tocsin.yaml:2:17: input.topics: x.alerts is a topic that this app writes itself; choose another app or input topic");
  EXPECT_TRUE(parse("app: y\ninput: {topics: [telemetry, x.alerts]}").ok());
}

TEST(Environment, VariablesAreReplacedInValues) {
  const Result<Config> config =
      parse("kafka: {bootstrap.servers: 'broker:${PORT},other:${PORT}'}\ninstance: ${HOSTNAME}-a\ninput: {topics: ['t${PORT}']}");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->kafka.at("bootstrap.servers"), "broker:9093,other:9093");
  EXPECT_EQ(config->instance, "host-1-a");
  EXPECT_THAT(config->input.topics, ElementsAre("t9093"));
}

TEST(Environment, AVariableThatIsNotSetIsNamed) {
  EXPECT_THAT(error_of("state: {path: '/var/${NOWHERE}/x'}"),
              HasSubstr("conf/tocsin.yaml:1:15: state.path: the environment variable NOWHERE is not set"));
}

TEST(Environment, ADoubledDollarMakesAPlainOne) {
  const Result<Config> config = parse("state: {path: 'a$${PORT}b$c$'}");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->state.path, "a${PORT}b$c$");
}

TEST(Environment, AnUnfinishedVariableIsAMistake) {
  for (const char* text : {"state: {path: 'a${PORT'}", "state: {path: 'a${}'}", "state: {path: 'a${1X}'}"}) {
    EXPECT_THAT(error_of(text), HasSubstr("must be followed by a variable's name")) << text;
  }
}

TEST(Environment, TheHostsNameStandsForAMissingHostname) {
  ASSERT_EQ(unsetenv("HOSTNAME"), 0);
  EXPECT_NE(process_environment("HOSTNAME").value_or(""), "");
  EXPECT_EQ(process_environment("TOCSIN_TEST_NOT_SET"), std::nullopt);
}

TEST(Environment, AHostNameThatCannotBeAnInstanceAsksForOne) {
  const Result<Config> config = parse_config("", "f", {}, environment_of({{"HOSTNAME", "my host"}}));
  EXPECT_THAT(config.status().message(), HasSubstr("instance is not set"));
}

}  // namespace
}  // namespace tocsin::config
