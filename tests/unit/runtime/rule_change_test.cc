// Rules that are other ones after a restart (SPEC 4.7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::SizeIs;

std::shared_ptr<const Plan> rules_with(const std::string& rule) {
  return plan_of("groups: [{name: g, interval: 1s, rules: [{alert: Other, expr: 'count[1s] > 1000'}" + rule + "]}]");
}

const char* const kBusy = ", {alert: Busy, expr: 'count[5s] > 1', by: [region], annotations: {text: 'busy'}}";

// Busy fires for region eu, the service is restarted with `rules`, and time goes on. The last alert event of Busy.
v1::AlertEvent after_restart_with(const std::string& rules) {
  Engine engine(rules_with(kBusy));
  for (const int64_t ms : {100, 200, 300, 2'000}) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.drain();
  EXPECT_THAT(engine.alerts(), SizeIs(1));
  engine.restart(rules_with(rules));
  for (const int64_t ms : {2'100, 2'200, 4'000}) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  return alerts.empty() ? v1::AlertEvent() : alerts.back();
}

TEST(RuleChange, ARuleThatIsGoneResolvesItsInstances) {
  const v1::AlertEvent alert = after_restart_with("");
  EXPECT_EQ(alert.sequence(), 2U);
  EXPECT_EQ(alert.state(), "resolved");
  EXPECT_EQ(alert.reason(), "rule_removed");
  EXPECT_EQ(alert.labels().at("region"), "eu");
  EXPECT_EQ(alert.annotations().at("text"), "busy");
  EXPECT_EQ(alert.ends_at(), alert.evaluated_at());
}

TEST(RuleChange, SoDoesOneThatIsDisabled) {
  EXPECT_EQ(after_restart_with(", {alert: Busy, expr: 'count[5s] > 1', by: [region], enabled: false}").reason(), "rule_removed");
}

TEST(RuleChange, SoDoesOneWithAnotherExpression) {
  EXPECT_EQ(after_restart_with(", {alert: Busy, expr: 'count[5s] > 500', by: [region]}").reason(), "rule_changed");
}

// Nothing of the rule is evaluated at that tick, so there is nothing to show (SPEC 5: `value` is of `expr` at T).
TEST(RuleChange, WhatIsResolvedSoHasNeitherValueNorEvidence) {
  const v1::AlertEvent alert = after_restart_with("");
  EXPECT_FALSE(alert.has_value());
  EXPECT_FALSE(alert.has_evidence());
}

TEST(RuleChange, TimingAndTextsKeepTheInstances) {
  const v1::AlertEvent alert = after_restart_with(", {alert: Busy, expr: '(count [5s]) > 1', by: [region], for: 1m, severity: ERROR}");
  EXPECT_EQ(alert.sequence(), 1U);
  EXPECT_EQ(alert.state(), "firing");
}

// The window of region eu is empty when the interval changes: that its last event was at 300 ms must not be forgotten with the old
// interval.
TEST(RuleChange, AnotherIntervalStillKnowsWhenAGroupWasLastSeen) {
  const auto rules = [](const std::string& interval) {
    return rules_with(
        ", {alert: Frozen, expr: 'error_rate[2s] > 50%', by: [region], no_data: keep, group_retention: 10s, interval: " + interval + "}");
  };
  Engine engine(rules("1s"));
  for (const int64_t ms : {100, 300}) engine.feed(0, event_at(ms, R"(,"region":"eu","success":false)"));
  engine.feed(0, event_at(6'000, R"(,"region":"us")"));
  engine.drain();
  ASSERT_THAT(engine.alerts(), SizeIs(1));
  engine.restart(rules("2s"));
  engine.feed(0, event_at(30'000, R"(,"region":"us")"));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_EQ(alerts[1].reason(), "group_expired");
  EXPECT_EQ(alerts[1].evaluated_at(), format_rfc3339(kBaseMs / 2'000 * 2'000 + 12'000));
}

}  // namespace
}  // namespace tocsin
