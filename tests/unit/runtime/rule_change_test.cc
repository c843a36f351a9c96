// Rules that are other ones after a restart (SPEC 4.7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "operators/keys.h"
#include "state/key_codec.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::IsSubsetOf;
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

// Then nothing else brings a tick about.
TEST(RuleChange, TheLastRuleToGoResolvesItsInstances) {
  EngineOptions options;
  options.partials = 4;
  Engine engine(rules_with(kBusy), options);
  const std::vector<std::string> regions = {"eu", "us", "asia", "africa", "oceania"};
  for (const std::string& region : regions) {
    for (const int64_t ms : {100, 200}) engine.feed(0, event_at(ms, fmt::format(R"(,"region":"{}")", region)));
  }
  engine.feed(0, event_at(2'000, ""));
  engine.drain();
  ASSERT_THAT(engine.alerts(), SizeIs(regions.size()));
  engine.restart(plan_of("groups: [{name: g, rules: []}]"));
  engine.feed(0, event_at(4'000, ""));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(2 * regions.size()));
  for (size_t i = regions.size(); i < alerts.size(); ++i) EXPECT_EQ(alerts[i].reason(), "rule_removed");
}

// Region eu has three events in the hour and no more: that they are enough, or too few, is seen at the next tick.
TEST(RuleChange, SilentGroupsAreEvaluatedByTheNewRules) {
  const auto alerts_after = [](const std::string& before, const std::string& after) {
    Engine engine(rules_with(before));
    for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
    engine.feed(0, event_at(5'000, R"(,"region":"us")"));
    engine.drain();
    EXPECT_THAT(engine.alerts(), SizeIs(0));
    engine.restart(rules_with(after));
    engine.feed(0, event_at(7'000, R"(,"region":"us")"));
    engine.drain();
    std::vector<std::string> fired;
    for (const v1::AlertEvent& alert : engine.alerts())
      fired.push_back(alert.rule() + " " + alert.evaluated_at() + " " + alert.labels().at("region"));
    return fired;
  };
  const std::string ten = ", {alert: Busy, expr: 'count[1h] > 10', by: [region]}";
  const std::string two = ", {alert: Busy, expr: 'count[1h] > 2', by: [region]}";
  const std::string nine_and_two =
      ", {alert: Busy9, expr: 'count[1h] > 9', by: [region]}, {alert: Busy2, expr: 'count[1h] > 2', by: [region]}";
  const std::string slow = ", {alert: Busy, expr: 'count[1h] > 2', by: [region], interval: 2s}";
  const std::string enough = ", {alert: Busy, expr: 'count[1h] > 2', by: [region], min_events: 3}";
  const std::string too_few = ", {alert: Busy, expr: 'count[1h] > 2', by: [region], min_events: 4}";
  const std::string fifth = "2023-11-14T22:13:25.000Z eu";
  EXPECT_THAT(alerts_after(ten, two), testing::ElementsAre("Busy " + fifth));
  EXPECT_THAT(alerts_after(ten, nine_and_two), testing::ElementsAre("Busy2 " + fifth));
  EXPECT_THAT(alerts_after(too_few, enough), testing::ElementsAre("Busy " + fifth));
  EXPECT_THAT(alerts_after(ten, slow), testing::ElementsAre("Busy 2023-11-14T22:13:26.000Z eu"));
  EXPECT_THAT(alerts_after(ten, too_few), testing::IsEmpty());
}

// By the new retention region eu was to be forgotten before the restart; its alert must not fire for ever.
TEST(RuleChange, AShorterRetentionEndsWhatItWouldHaveForgotten) {
  const auto rules = [](const std::string& retention) {
    return rules_with(", {alert: Frozen, expr: 'error_rate[2s] > 50%', by: [region], no_data: keep, group_retention: " + retention + "}");
  };
  Engine engine(rules("1h"));
  for (const int64_t ms : {100, 300}) engine.feed(0, event_at(ms, R"(,"region":"eu","success":false)"));
  engine.feed(0, event_at(30'000, R"(,"region":"us")"));
  engine.drain();
  ASSERT_THAT(engine.alerts(), SizeIs(1));
  engine.restart(rules("10s"));
  engine.feed(0, event_at(33'000, R"(,"region":"us")"));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_EQ(alerts[1].reason(), "group_expired");
}

// With the interval the view's panes change; frames in the log still have rows of the old width, some of which have not taken effect.
TEST(RuleChange, RowsOfOtherPanesStillCount) {
  const auto rules = [](const std::string& interval) {
    return rules_with(", {alert: Busy, expr: 'count[6h] > 3', by: [region], interval: " + interval + "}");
  };
  for (const std::string& after : std::vector<std::string>{"250ms", "20s", "1m"}) {
    Engine engine(rules("15s"));
    for (const int64_t ms : {26'000, 26'200, 31'000, 34'000}) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
    engine.drain();
    EXPECT_THAT(engine.alerts(), SizeIs(0)) << after;
    engine.restart(rules(after));
    engine.feed(0, event_at(130'000, R"(,"region":"us")"));
    engine.drain();
    const std::vector<v1::AlertEvent> alerts = engine.alerts();
    ASSERT_THAT(alerts, SizeIs(1)) << after;
    EXPECT_EQ(alerts[0].evidence().count(), 4U) << after;
  }
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

// Region eu is silent for longer than the old rule remembers it, but not for the new window: its panes are still there.
TEST(RuleChange, ALongerWindowReachesBackToGroupsThatWereForgotten) {
  const auto rules = [](const std::string& length) {
    return rules_with(fmt::format(", {{alert: Busy, expr: 'count[{}] >= 1', by: [region], group_retention: 1s}}", length));
  };
  Engine engine(rules("1m"));
  for (const int64_t ms : {100, 200, 1'300}) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.feed(0, event_at(75'000, R"(,"region":"us")"));
  engine.drain();
  ASSERT_THAT(engine.alerts(), SizeIs(2));
  engine.restart(rules("2m"));
  for (const int64_t ms : {80'000, 130'000}) engine.feed(0, event_at(ms, R"(,"region":"us")"));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  const auto third = std::find_if(alerts.begin(), alerts.end(), [](const v1::AlertEvent& alert) { return alert.sequence() == 3; });
  ASSERT_NE(third, alerts.end());
  EXPECT_EQ(third->labels().at("region"), "eu");
  EXPECT_EQ(third->evaluated_at(), format_rfc3339(kBaseMs + 75'000));
  EXPECT_EQ(third->evidence().count(), 3U);
}

// Rows of when a group was last in a window stay behind if the group is forgotten while no rule has that window.
TEST(RuleChange, AWindowThatComesBackForgetsTheGroupsThatWereForgottenMeanwhile) {
  const auto rules = [](const std::string& length) {
    return rules_with(fmt::format(", {{alert: Busy, expr: 'count[{}] > 1', by: [region], group_retention: 20s}}", length));
  };
  Engine engine(rules("2s"));
  for (const char* region : {"", "eu"}) engine.feed(0, event_at(100, fmt::format(R"(,"region":"{}")", region)));
  engine.feed(0, event_at(5'000));
  engine.drain();
  engine.restart(rules("3s"));
  engine.feed(0, event_at(200'000));
  engine.drain();
  engine.restart(rules("2s"));
  engine.feed(0, event_at(201'000));
  engine.drain();
  const auto ids_under = [&engine](const std::string& prefix) {
    std::set<uint64_t> ids;
    for (const auto rows = engine.store->scan(prefix, state::prefix_end(prefix)); rows->valid(); rows->next()) {
      state::KeyReader key(rows->key().substr(prefix.size()));
      key.u64();
      ids.insert(key.u64());
    }
    return ids;
  };
  const std::set<uint64_t> groups = ids_under(keys::groups(0));
  EXPECT_FALSE(groups.contains(1)) << "region eu";
  EXPECT_THAT(ids_under(keys::last_events(0)), IsSubsetOf(groups));
}

}  // namespace
}  // namespace tocsin
