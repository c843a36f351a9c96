// The wall clock's part in event time: events from the future, and partitions that stand idle (SPEC 1, 2).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kTimeRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Busy
    expr: count[5s] > 2
)";

TEST(FutureEvents, GoToTheDeadLettersAndDoNotMoveTheWatermark) {
  EngineOptions options = with_wall_clock();
  options.idle_timeout.reset();
  Engine engine(plan_of(kTimeRules), options);
  engine.feed(0, event_at(0));
  engine.feed(0, event_at(400'000));
  engine.drain();
  EXPECT_EQ(engine.evaluate->watermark(), EventTime{kBaseMs - 500});
  const std::vector<log::LogEntry> letters = engine.log.entries({"dead-letters", 0});
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(*letters[0].value, event_at(400'000));
  const auto reason =
      std::find_if(letters[0].headers.begin(), letters[0].headers.end(), [](const auto& h) { return h.name == "tocsin.reason"; });
  ASSERT_NE(reason, letters[0].headers.end());
  EXPECT_THAT(reason->value, testing::HasSubstr("ahead of the wall clock"));
  EXPECT_EQ(engine.aggregate->events().events, 1U);
}

TEST(FutureEvents, WithinTheAllowedSkewCount) {
  EngineOptions options = with_wall_clock();
  options.idle_timeout.reset();
  Engine engine(plan_of(kTimeRules), options);
  engine.feed(0, event_at(60'000));
  engine.drain();
  EXPECT_EQ(engine.evaluate->watermark(), EventTime{kBaseMs + 59'500});
  EXPECT_THAT(engine.log.entries({"dead-letters", 0}), IsEmpty());
}

TEST(FutureEvents, AreFineWithoutAWallClock) {
  Engine engine(plan_of(kTimeRules));
  engine.feed(0, event_at(400'000));
  engine.drain();
  EXPECT_EQ(engine.evaluate->watermark(), EventTime{kBaseMs + 399'500});
}

TEST(IdlePartitions, LetAlertsResolveThoughTrafficHasStopped) {
  Engine engine(plan_of(kTimeRules), with_wall_clock());
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(100);  // ten seconds
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_EQ(alerts[0].evaluated_at(), format_rfc3339(kBaseMs + 1'000));
  EXPECT_EQ(alerts[1].state(), "resolved");
  EXPECT_EQ(alerts[1].evaluated_at(), format_rfc3339(kBaseMs + 6'000));
}

TEST(IdlePartitions, HoldTimeBackIfTheTimeoutIsNever) {
  EngineOptions options = with_wall_clock();
  options.idle_timeout.reset();
  Engine engine(plan_of(kTimeRules), options);
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(100);
  EXPECT_EQ(engine.evaluate->watermark(), EventTime{kBaseMs - 200});
  EXPECT_THAT(engine.alerts(), IsEmpty());
}

TEST(IdlePartitions, ThatNeverHadAnEventHoldNobodyBack) {
  Engine engine(plan_of(kTimeRules), with_wall_clock(2));
  for (int64_t ms = 0; ms < 10'000; ms += 100) {
    engine.feed(0, event_at(ms));
    engine.run(1);
  }
  ASSERT_TRUE(engine.evaluate->evaluated());
  EXPECT_GE(*engine.evaluate->evaluated(), EventTime{kBaseMs + 8'000});
  EXPECT_THAT(engine.alerts(), SizeIs(1));
}

TEST(IdlePartitions, KeepTheirWatermarkAcrossACrash) {
  Engine engine(plan_of(kTimeRules), with_wall_clock());
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(100);
  const std::optional<EventTime> before = engine.evaluate->watermark();
  engine.crash(true);
  engine.start();
  engine.feed(0, event_at(4'000));  // late by the watermark of the idle time
  engine.run(1);
  EXPECT_GE(engine.evaluate->watermark(), before);
  EXPECT_EQ(engine.aggregate->events().late, 1U);
  engine.run(100);
  EXPECT_THAT(engine.alerts(), SizeIs(2));
}

// Seed 347 of tests/simulation: both workers waited for their next transaction until a clock that had been set back had come as far as
// before.
TEST(AClockSetBack, HoldsUpNeitherStage) {
  Engine engine(plan_of(kTimeRules));
  engine.now_ms += 3'600'000;
  engine.feed(0, event_at(0));
  engine.run(20);
  engine.now_ms = kBaseMs;
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.drain();  // within minutes
}

constexpr const char* kLongWindow = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Four
    expr: count[60s] >= 4
)";

TEST(IdlePartitions, DoNotFollowTheWallClockWhileThereIsMoreToRead) {
  Engine engine(plan_of(kLongWindow), with_wall_clock());
  engine.feed(0, event_at(0));
  engine.run(3);
  const auto watermark = [&] { return engine.aggregate->metrics().partitions.at(0).watermark; };
  const std::optional<EventTime> before = watermark();
  ASSERT_TRUE(before);
  engine.now_ms += 5'000;
  engine.aggregate->on_end(0, 2, WallTime{engine.now_ms});  // one record is known to be there, and was not read yet
  EXPECT_EQ(watermark(), before);
  engine.aggregate->on_end(0, 1, WallTime{engine.now_ms});
  EXPECT_GT(watermark(), before);
}

// A partition is added behind a running evaluation, with an event far older than its watermark. `interrupt` is called after each step.
std::vector<std::string> alerts_with_added_partition(const std::function<void(Engine&)>& interrupt) {
  Engine engine(plan_of(kLongWindow));
  engine.feed(0, event_at(0));
  engine.feed(0, event_at(19'000));
  engine.drain();
  EXPECT_EQ(engine.evaluate->watermark(), EventTime{kBaseMs + 18'500});
  engine.log.add_partitions("in", 2);
  engine.drain();
  for (const auto& [partition, at] : std::vector<std::pair<int, int64_t>>{{1, 5'000}, {1, 25'000}, {0, 26'000}, {1, 40'000}, {0, 40'000}}) {
    engine.feed(partition, event_at(at));
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(engine.aggregate->step({0}).ok());
      interrupt(engine);
      const Status status = engine.evaluate->step({0});
      EXPECT_TRUE(status.ok()) << status.message();
      interrupt(engine);
    }
  }
  engine.drain();
  return sorted_lines(engine.alerts());
}

TEST(AddedPartitions, TheirOlderEventsAreLateAndCountFromTheWatermarkTheyJoinedWith) {
  const std::vector<std::string> alerts = alerts_with_added_partition([](Engine&) {});
  ASSERT_THAT(alerts, SizeIs(1));
  // At 26 s there are those of 0, 5, 19 and 25 s.
  EXPECT_THAT(alerts[0], testing::HasSubstr("value 4 0/4"));
  EXPECT_THAT(alerts[0], testing::HasSubstr(format_rfc3339(kBaseMs + 26'000)));
}

TEST(AddedPartitions, ACrashInBetweenChangesNothing) {
  const std::vector<std::string> expected = alerts_with_added_partition([](Engine&) {});
  for (int crash_at = 0; crash_at < 30; ++crash_at) {
    int n = 0;
    const std::vector<std::string> actual = alerts_with_added_partition([&](Engine& engine) {
      if (n++ != crash_at) return;
      engine.crash(crash_at % 2 == 0);
      engine.start();
    });
    EXPECT_EQ(actual, expected) << "crash " << crash_at;
  }
}

}  // namespace
}  // namespace tocsin
