// evidence.detection_ms: from the event after which the verdict held to the publishing of the firing event.

#include <gtest/gtest.h>

#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

constexpr const char* kDetectionRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Busy
    expr: count[5s] > 2
  - alert: Long
    expr: count[5s] > 2
    for: 2s
  - alert: Quiet
    expr: count[5s] < 1
)";

const v1::AlertEvent& find(const std::vector<v1::AlertEvent>& alerts, const std::string& rule, const std::string& state) {
  static const v1::AlertEvent kNone;
  for (const v1::AlertEvent& alert : alerts) {
    if (alert.rule() == rule && alert.state() == state) return alert;
  }
  ADD_FAILURE() << "no " << state << " event of " << rule;
  return kNone;
}

// Three events as they happen, from 100 ms on.
void burst(Engine& engine) {
  for (int i = 1; i <= 3; ++i) {
    engine.run(1);
    engine.feed(0, event_at(i * 100));
  }
}

TEST(DetectionTime, IsFromTheOldestRecordOfTheTickToTheCommit) {
  Engine engine(plan_of(kDetectionRules), with_wall_clock());
  burst(engine);
  engine.run(60);
  const v1::AlertEvent busy = find(engine.alerts(), "Busy", "firing");
  EXPECT_EQ(busy.evaluated_at(), format_rfc3339(kBaseMs + 1'000));
  EXPECT_GE(busy.evidence().watermark(), busy.evaluated_at());
  EXPECT_LE(busy.evidence().watermark(), format_rfc3339(kBaseMs + 2'000));
  EXPECT_EQ(busy.evidence().slowest_partition(), "in-0");
  // The first event came at 0.1 s. The partition is idle from 1.4 s on, and its watermark at the tick of 1 s soon after 1.5 s.
  EXPECT_GE(busy.evidence().detection_ms(), 1'400);
  EXPECT_LE(busy.evidence().detection_ms(), 2'000);
  const int64_t longer = find(engine.alerts(), "Long", "firing").evidence().detection_ms();
  EXPECT_GE(longer, 3'400);
  EXPECT_LE(longer, 4'000);
  // Measured when the transactions have been committed, a step later.
  EXPECT_EQ(engine.evaluate->metrics().alert_detection.sum().ms, busy.evidence().detection_ms() + longer + 200);
}

TEST(DetectionTime, IsLeftOutOfWhatTimeBringsAbout) {
  Engine engine(plan_of(kDetectionRules), with_wall_clock());
  burst(engine);
  engine.run(120);
  EXPECT_FALSE(find(engine.alerts(), "Quiet", "firing").evidence().has_detection_ms());
  EXPECT_FALSE(find(engine.alerts(), "Busy", "resolved").evidence().has_detection_ms());
}

TEST(DetectionTime, OutlivesARestartWhilePending) {
  Engine engine(plan_of(kDetectionRules), with_wall_clock());
  burst(engine);
  engine.run(25);
  const v1::AlertEvent busy = find(engine.alerts(), "Busy", "firing");
  engine.crash();
  engine.start();
  engine.run(30);
  const v1::AlertEvent after = find(engine.alerts(), "Long", "firing");
  EXPECT_GE(after.evidence().detection_ms(), busy.evidence().detection_ms() + 2'000);
  EXPECT_LE(after.evidence().detection_ms(), busy.evidence().detection_ms() + 4'000);
}

TEST(DetectionTime, OfAGroupWithoutNewEventsIsNotThatOfOthers) {
  // Events of `other` leave its window one after the other and none come, while `chat` has some all the time.
  Engine engine(plan_of(R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Fewer
    expr: count[5s] < 3
    by: [domain]
)"),
                with_wall_clock());
  for (int i = 0; i < 150; ++i) {
    engine.run(1);
    engine.feed(0, event_at((i + 1) * 100));
    if (i < 60) engine.feed(0, fmt::format(R"({{"ts":{},"domain":"other"}})", kBaseMs + (i + 1) * 100));
  }
  const v1::AlertEvent fewer = find(engine.alerts(), "Fewer", "firing");
  EXPECT_EQ(fewer.labels().at("domain"), "other");
  EXPECT_FALSE(fewer.evidence().has_detection_ms());
}

TEST(DetectionTime, IsNotThereWithoutAClockAsInBacktests) {
  Engine engine(plan_of(kDetectionRules));
  for (int i = 1; i <= 3; ++i) {
    TOCSIN_CHECK(engine.log.append({.topic = "in", .partition = 0, .key = "", .value = event_at(i * 100), .headers = {}}, 0).ok(), "");
  }
  TOCSIN_CHECK(engine.log.append({.topic = "in", .partition = 0, .key = "", .value = event_at(9'000), .headers = {}}, 0).ok(), "");
  engine.run(5);
  EXPECT_FALSE(find(engine.alerts(), "Busy", "firing").evidence().has_detection_ms());
}

}  // namespace
}  // namespace tocsin
