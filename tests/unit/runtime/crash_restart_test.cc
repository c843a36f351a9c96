// Whatever interrupts the workers, the alert log is that of a run without interruption (SPEC 5, "Delivery").

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

constexpr const char* kCrashRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Errors
    expr: error_rate{domain="chat"}[10s] > 30%
    by: [region]
    min_events: 3
    keep_firing_for: 2s
  - alert: Slow
    expr: p90[8s] > 200ms
    by: [domain, region]
    for: 2s
    cooldown: 7s
    resolve: p90[4s] < 180ms
  - alert: Quiet
    expr: count{domain="wallet"}[3s] < 4
    by: [region]
  - alert: Mixed
    interval: 250ms
    expr: share(latency > 150ms and not {region="eu"})[6s] >= 45% and count[6s] > 5
    no_data: keep
  - alert: Forgotten
    expr: count[2s] > 0
    by: [domain, session_id]
    group_retention: 5s
)";

struct InputMessage {
  int32_t partition;
  std::string text;
};

// How dense the telemetry is. Where there are pauses, it is often time alone that moves windows and alerts on.
struct Density {
  int64_t pause_max_ms;
  int64_t length_ms;
};
constexpr Density kDense{160, 30'000};
constexpr Density kSparse{1'600, 120'000};

// Telemetry over three partitions, with late events, batches, weights and rubbish; then one event of each partition that is far ahead, so
// that everything before it is evaluated.
std::vector<InputMessage> telemetry(uint32_t seed, Density density) {
  std::mt19937 random(seed);
  std::vector<InputMessage> messages;
  int64_t now = 0;
  const auto event = [&](int64_t at) {
    const bool bad_time = at % 30'000 > 8'000 && at % 30'000 < 14'000;
    const char* region = random() % 3 == 0 ? "us" : "eu";
    std::string more = fmt::format(R"(,"region":"{}","success":{})", region, random() % 100 >= (bad_time ? 60U : 8U) ? "true" : "false");
    if (random() % 5 != 0) more += fmt::format(R"(,"latency_ms":{})", 10 * (1 + random() % (bad_time ? 30 : 18)));
    if (random() % 6 == 0) more += fmt::format(R"(,"weight":{})", 1 + random() % 5);
    if (random() % 9 == 0) more += fmt::format(R"(,"session_id":"s{}")", random() % 4);
    std::string text = event_at(at, more);
    if (random() % 3 == 0) text.replace(text.find("chat"), 4, "wallet");
    return text;
  };
  const auto time_of_event = [&] {
    const uint64_t kind = random() % 100;
    if (kind < 10) return now - static_cast<int64_t>(random() % 9'000);
    if (kind < 12) return now - 21'000 - static_cast<int64_t>(random() % 9'000);
    return now - static_cast<int64_t>(random() % 400);
  };
  while (now < density.length_ms) {
    now += static_cast<int64_t>(random() % static_cast<uint64_t>(density.pause_max_ms));
    const auto partition = static_cast<int32_t>(random() % 3);
    if (random() % 50 == 0) {
      messages.push_back({partition, "{not json"});
    } else if (random() % 6 == 0) {
      std::string batch = "[" + event(time_of_event());
      for (uint64_t i = random() % 4; i > 0; --i) batch += "," + event(time_of_event());
      messages.push_back({partition, batch + "]"});
    } else {
      messages.push_back({partition, event(time_of_event())});
    }
  }
  for (int32_t partition = 0; partition < 3; ++partition)
    messages.push_back({partition, event_at(density.length_ms + 30'000, R"(,"region":"end")")});
  return messages;
}

struct Disturbance {
  bool crashes = false;
  bool failures = false;
};

struct Outcome {
  std::vector<std::string> alerts;
  size_t dead_letters = 0;
  uint64_t restarts = 0;
};

EngineOptions engine_options(std::mt19937& random, bool disturbed) {
  EngineOptions options;
  options.inputs = 3;
  options.partials = 2;
  if (disturbed) options.poll_records_max = 1 + random() % 20;
  return options;
}

void fail_a_commit(Engine& engine, std::mt19937& random) {
  const char* const id = random() % 2 == 0 ? "aggregate" : "evaluate";
  switch (random() % 3) {
    case 0: return engine.log.fail_next_commit(StatusCode::kAborted, log::FaultPoint::kBefore, id);
    case 1: return engine.log.fail_next_commit(StatusCode::kUnavailable, log::FaultPoint::kBefore, id);
    default: return engine.log.fail_next_commit(StatusCode::kUnavailable, log::FaultPoint::kAfter, id);
  }
}

Outcome run(const std::shared_ptr<const Plan>& plan, const std::vector<InputMessage>& messages, uint32_t seed, Disturbance disturbance) {
  std::mt19937 random(seed + 1'000);
  const bool disturbed = disturbance.crashes || disturbance.failures;
  Engine engine(plan, engine_options(random, disturbed));
  Outcome outcome;
  for (const InputMessage& message : messages) {
    engine.feed(message.partition, message.text);
    if (!disturbed) continue;
    for (uint64_t rounds = random() % 3; rounds > 0; --rounds) {
      if (disturbance.failures && random() % 8 == 0) fail_a_commit(engine, random);
      engine.now_ms += static_cast<int64_t>(random() % 120);
      const Status status = random() % 2 == 0 ? engine.aggregate->step({0}) : engine.evaluate->step({0});
      EXPECT_TRUE(status.ok()) << status.message();
      if (disturbance.crashes && random() % 40 == 0) {
        engine.crash(random() % 3 == 0);
        engine.start();
        ++outcome.restarts;
      }
    }
  }
  engine.drain();
  outcome.alerts = sorted_lines(engine.alerts());
  outcome.dead_letters = engine.log.entries({"dead-letters", 0}).size();
  return outcome;
}

// Of so many seeds; every one must bring alerts, or it would show nothing.
void expect_same_alerts(Disturbance disturbance, uint32_t first_seed, uint32_t seeds, Density density = kDense) {
  const std::shared_ptr<const Plan> plan = plan_of(kCrashRules);
  uint64_t restarts = 0, dead_letters = 0;
  for (uint32_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const std::vector<InputMessage> messages = telemetry(seed, density);
    const Outcome expected = run(plan, messages, seed, {});
    const Outcome actual = run(plan, messages, seed, disturbance);
    ASSERT_GT(expected.alerts.size(), 10U);
    ASSERT_EQ(actual.alerts, expected.alerts);
    ASSERT_EQ(actual.dead_letters, expected.dead_letters);
    restarts += actual.restarts;
    dead_letters += expected.dead_letters;
  }
  EXPECT_GT(dead_letters, 0U);
  EXPECT_TRUE(!disturbance.crashes || restarts > seeds) << restarts;
}

TEST(CrashRestart, RandomCrashesLeaveTheAlertLogAsItIs) { expect_same_alerts({.crashes = true}, 1, 50); }

TEST(CrashRestart, WhatOnlyTimeMovesOnIsNotForgotten) { expect_same_alerts({.crashes = true}, 300, 30, kSparse); }

TEST(CrashRestart, TransactionsThatFailLeaveTheAlertLogAsItIs) { expect_same_alerts({.failures = true}, 100, 15); }

TEST(CrashRestart, CrashesAndFailuresTogetherLeaveTheAlertLogAsItIs) { expect_same_alerts({.crashes = true, .failures = true}, 200, 15); }

}  // namespace
}  // namespace tocsin
