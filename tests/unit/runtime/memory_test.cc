// What `memory` and `aggregate.max_series` bound, on both workers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "engine/runtime/memory_budget.h"
#include "engine/runtime/pipeline.h"
#include "engine/runtime/store_lease.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr const char* kMemoryRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Many
    expr: count[10s] >= 3000
  - alert: Region
    expr: error_rate{domain="chat"}[10s] > 9%
    by: [region]
  - alert: Needle
    expr: count{pod="p2999"}[10s] >= 1
    by: [region]
- name: pods
  rules:
  - alert: Pod
    expr: count[10s] >= 100
    by: [pod]
)";

std::string pod_event(int64_t at_ms, const std::string& pod, int number) {
  return event_at(at_ms, fmt::format(R"(,"region":"{}","pod":"{}","success":{},"latency_ms":{})", number % 3 == 0 ? "eu" : "us", pod,
                                     number % 10 == 0 ? "false" : "true", number % 100));
}

// A flood of 5,000 pods within ten seconds.
void flood(Engine& engine) {
  for (int i = 0; i < 5'000; ++i) engine.feed(0, pod_event(i * 2, "p" + std::to_string(i), i));
  engine.feed(0, pod_event(60'000, "p0", 0));
}

std::vector<std::string> without_pods(Engine& engine) {
  std::vector<std::string> lines;
  for (const std::string& line : sorted_lines(engine.alerts())) {
    if (line.find(" Pod ") == std::string::npos) lines.push_back(line);
  }
  return lines;
}

TEST(Memory, AFloodOfLabelsKeepsBytesBoundedAndTotalsEqualTheReference) {
  Engine reference(plan_of(kMemoryRules));
  flood(reference);
  reference.drain();
  constexpr size_t kSeriesBytes = 64'000;
  constexpr size_t kCacheBytes = 100'000;
  constexpr size_t kOpenBytes = 50'000;
  // Few records at a time: a full flush is noticed between polls.
  Engine engine(plan_of(kMemoryRules), {.poll_records_max = 50,
                                        .series = {.max_series = 100'000, .bytes = kSeriesBytes, .cache_bytes = kCacheBytes},
                                        .flush_bytes = kOpenBytes});
  flood(engine);
  size_t most = 0;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(engine.step({10}).ok());
    most = std::max(most, engine.aggregate->memory_bytes());
  }
  engine.drain();
  EXPECT_THAT(engine.aggregate->overflow().labels, ElementsAre("pod"));
  EXPECT_GT(engine.aggregate->events().overflowed, 3'000U);
  EXPECT_LT(most, kSeriesBytes * 5 / 4 + kCacheBytes + 2 * kOpenBytes);
  EXPECT_GT(reference.aggregate->memory_bytes(), most);
  EXPECT_LT(engine.evaluate->group_count(), reference.evaluate->group_count() / 2);
  EXPECT_EQ(without_pods(engine), without_pods(reference));
  EXPECT_THAT(without_pods(engine), Not(IsEmpty()));
  const std::vector<std::string> lines = sorted_lines(engine.alerts());
  EXPECT_TRUE(
      std::any_of(lines.begin(), lines.end(), [](const std::string& line) { return line.find("pod=__overflow__") != std::string::npos; }));
}

TEST(Memory, TheStatusTellsOfOverflowAndOfDroppedLateByRuleGroup) {
  Engine engine(plan_of(kMemoryRules), {.series = {.max_series = 100}});
  flood(engine);
  engine.feed(0, pod_event(1'000, "p1", 1));  // a minute and more too late
  engine.drain();
  WorkerStatus aggregate;
  WorkerStatus evaluate;
  write_status(*engine.aggregate, aggregate);
  write_status(*engine.evaluate, evaluate);
  EXPECT_THAT(aggregate.details().overflowed_labels, ElementsAre("pod"));
  EXPECT_THAT(aggregate.details().dropped_late_by_rule_group, ElementsAre(Pair("g", 1U), Pair("pods", 1U)));
  EXPECT_GT(evaluate.memory_bytes, 0U);
  const ProcessStatus status = sum_up({&aggregate, &evaluate}, {}, WallTime{kBaseMs});
  EXPECT_EQ(status.overflowed_events, aggregate.overflowed_events);
  const std::string json = status_to_json(status, "one");
  EXPECT_THAT(json, HasSubstr(R"("overflow":{"labels":["pod"],"series":)"));
  EXPECT_THAT(json, HasSubstr(R"("droppedLateByRuleGroup":{"g":1,"pods":1})"));
  EXPECT_THAT(json, Not(HasSubstr("overMemoryBudget")));
}

// Transactions that end when the test says so.
class HeldExecutor final : public Executor {
 public:
  void run(std::function<void()> work) override { held_.push_back(std::move(work)); }
  void release() {
    for (; !held_.empty(); held_.pop_front()) held_.front()();
  }
  bool holds() const { return !held_.empty(); }

 private:
  std::deque<std::function<void()>> held_;
};

TEST(Memory, WhileATransactionTakesLongAFullAggregatorPausesItsInputInsteadOfGrowing) {
  const Clock clock = [] { return WallTime{kBaseMs}; };
  spdlog::set_level(spdlog::level::off);
  log::MemoryLog log({.clock = clock});
  log.create_topic("in", {.partitions = 2});
  log.create_topic("partials", {});
  const auto producer = log.producer("aggregate");
  HeldExecutor executor;
  FlightRecorder recorder;
  Committer committer(*producer, executor, recorder, clock);
  AggregateOptions options;
  options.worker = "w";
  options.partials_topic = "partials";
  options.dead_letters_topic = "dead-letters";
  options.flush_bytes = 20'000;
  options.commit_patience = {0};
  AggregateWorker worker(options, plan_of(kMemoryRules), committer, clock);
  log::MemoryConsumerOptions consume;
  consume.group = "aggregate";
  consume.topics = {"in"};
  consume.poll_records_max = 20;
  const auto consumer = log.consumer(std::move(consume), worker);
  worker.attach(*consumer);
  for (int i = 0; i < 2'000; ++i) {
    (void)log.append({.topic = "in", .partition = i % 2, .key = "", .value = pod_event(i, "p" + std::to_string(i), i), .headers = {}});
  }
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(worker.step({0}).ok());
  ASSERT_TRUE(executor.holds());
  const uint64_t read = worker.counters().messages;
  EXPECT_LT(read, 200U);
  EXPECT_EQ(worker.counters().pauses, 1U);
  EXPECT_EQ(worker.metrics().input_pauses, 1U);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(worker.step({0}).ok());
  EXPECT_EQ(worker.counters().messages, read);
  for (int i = 0; i < 1'000; ++i) {
    executor.release();
    ASSERT_TRUE(worker.step({0}).ok());
  }
  EXPECT_EQ(worker.counters().messages, 2'000U);
  executor.release();
}

TEST(Memory, BeyondItsMemoryTheEvaluatorPausesItsInputUntilTheTransactionInFlightHasEnded) {
  const Clock clock = [now = kBaseMs]() mutable { return WallTime{now += 30}; };
  Engine engine(plan_of(kMemoryRules));  // its aggregate worker fills the partials topic
  for (int i = 0; i < 200; ++i) {
    for (int pod = 0; pod < 20; ++pod) engine.feed(0, pod_event(i * 100, "p" + std::to_string(pod), i));
    ASSERT_TRUE(engine.aggregate->step({0}).ok());
    engine.now_ms += 100;
  }
  ASSERT_TRUE(engine.aggregate->step({0}).ok());
  const auto producer = engine.log.producer("held");
  HeldExecutor executor;
  FlightRecorder recorder;
  Committer committer(*producer, executor, recorder, clock);
  state::MemoryStore store;
  StoreLeases leases(store);
  EvaluateOptions options;
  options.worker = "held";
  options.changelog_topic = "changelog";
  options.alerts = {"alerts", "", "tocsin/test", AlertFormat::kProtobuf};
  options.memory_bytes = 60'000;
  options.commit_patience = {0};
  EvaluateWorker worker(options, plan_of(kMemoryRules), leases, *engine.reader, committer, recorder, clock);
  log::MemoryConsumerOptions consume;
  consume.group = "held";
  consume.topics = {"partials"};
  consume.poll_records_max = 1;
  const auto consumer = engine.log.consumer(std::move(consume), worker);
  worker.attach(*consumer);
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(worker.step({0}).ok());
  ASSERT_TRUE(executor.holds());
  const uint64_t frames = worker.evaluator_counters().frames;
  EXPECT_EQ(worker.counters().pauses, 1U);
  EXPECT_EQ(worker.metrics().input_pauses, 1U);
  EXPECT_LT(frames, 150U);
  EXPECT_LT(worker.memory_bytes(), 120'000U);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(worker.step({0}).ok());
  EXPECT_EQ(worker.evaluator_counters().frames, frames);
  for (int i = 0; i < 2'000; ++i) {
    executor.release();
    ASSERT_TRUE(worker.step({0}).ok());
  }
  EXPECT_GE(worker.evaluator_counters().frames, 200U);
  executor.release();
}

TEST(Memory, GroupsThatAreForgottenGiveTheirMemoryBack) {
  Engine engine(plan_of(R"(
groups:
- name: g
  rules:
  - {alert: A, expr: 'count[2s] > 1', by: [session_id], group_retention: 5s}
  - {alert: B, expr: 'p90[4s] > 100ms', by: [session_id], group_retention: 5s}
)"));
  const auto feed = [&](int from, int to) {
    for (int i = from; i < to; ++i) engine.feed(0, event_at(i * 500, fmt::format(R"(,"session_id":"s{}","latency_ms":5)", i)));
    engine.drain();
    engine.run(1);
  };
  feed(0, 500);
  const Evaluator::Memory early = engine.evaluate->memory();
  EXPECT_LT(engine.evaluate->group_count(), 100U);
  for (int i = 500; i < 10'000; i += 500) feed(i, i + 500);
  const Evaluator::Memory late = engine.evaluate->memory();
  EXPECT_LT(engine.evaluate->group_count(), 100U);
  EXPECT_LT(late.groups + late.totals, (early.groups + early.totals) * 3 / 2);
}

// The partition's end is proven and its watermark follows the clock meanwhile: nothing of that may count what was not taken.
TEST(Memory, WhatComesBeforeGroupsAreKnownIsCountedAllTheSame) {
  SharedLedger never_complete(1 << 20, 2);  // one evaluator that never says that it has restored
  EngineOptions options;
  options.ledger = &never_complete;
  options.idle_timeout = Duration{1'000};
  options.max_future_skew = Duration{60'000};
  Engine engine(plan_of(R"(
groups:
- name: g
  interval: 1s
  rules:
  - {alert: A, expr: 'count[1m] >= 3', by: [domain]}
)"),
                options);
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(80);  // eight seconds: less than it waits at most
  EXPECT_EQ(engine.aggregate->counters().messages, 0U);
  EXPECT_FALSE(engine.log.committed("aggregate", {"in", 0}).has_value());
  engine.run(60);
  EXPECT_EQ(engine.aggregate->counters().messages, 3U);
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].value(), 3);
}

constexpr size_t kGroupBytes = 400'000;

EngineOptions with_ledger(SharedLedger& ledger, int partials = 1) {
  EngineOptions options;
  options.partials = partials;
  options.poll_records_max = 50;
  options.series.overflow_group_bytes = kGroupBytes / 4;
  options.ledger = &ledger;
  return options;
}

TEST(GroupLedger, WhatStageTwoCannotHoldOverflowsThoughStageOneHasRoom) {
  Engine reference(plan_of(kMemoryRules));
  flood(reference);
  reference.drain();
  SharedLedger ledger(kGroupBytes, 1);
  {
    Engine engine(plan_of(kMemoryRules), with_ledger(ledger, 2));
    flood(engine);
    engine.drain();
    EXPECT_THAT(engine.aggregate->overflow().labels, ElementsAre("pod"));
    const Evaluator::Memory memory = engine.evaluate->memory();
    EXPECT_LT(memory.groups + memory.totals, kGroupBytes * 5 / 4);
    // Charged from above, but not by much.
    EXPECT_GT(memory.groups + memory.totals, kGroupBytes / 2);
    EXPECT_GT(engine.evaluate->group_count(), 300U);
    EXPECT_EQ(without_pods(engine), without_pods(reference));
    EXPECT_GE(ledger.used(), kGroupBytes * 9 / 10);
  }
  EXPECT_EQ(ledger.used(), 0U);
}

TEST(GroupLedger, OverRestartsAFloodMakesNoMoreGroupsAndNamesStay) {
  SharedLedger ledger(kGroupBytes, 1);
  Engine engine(plan_of(kMemoryRules), with_ledger(ledger));
  for (int i = 0; i < 5'000; ++i) engine.feed(0, pod_event(i, "p" + std::to_string(i), i));
  engine.drain();
  const size_t groups = engine.evaluate->group_count();
  for (int round = 1; round <= 3; ++round) {
    engine.crash();
    EXPECT_EQ(ledger.used(), 0U);
    engine.start();
    engine.run(1);  // the evaluator has its partition, and the ledger its groups
    for (int i = 0; i < 3'000; ++i) engine.feed(0, pod_event(5'000 * round + i, fmt::format("r{}-{}", round, i), i));
    // A pod of the beginning, known to stage 2 only, comes back in the middle of the overflow.
    for (int i = 0; i < 200; ++i) engine.feed(0, pod_event(5'000 * round + 3'000, "p3", i));
    engine.drain();
    // Some of them show again which label it is.
    EXPECT_LE(engine.evaluate->group_count(), groups + 70U * static_cast<size_t>(round));
    EXPECT_THAT(engine.aggregate->overflow().labels, ElementsAre("pod"));
  }
  const std::vector<std::string> lines = sorted_lines(engine.alerts());
  const auto of_p3 = [](const std::string& line) { return line.find("pod=p3 ") != std::string::npos; };
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), of_p3));
}

TEST(GroupLedger, GroupsThatStageTwoHasFromElsewhereDoNotTakeThePlaceOfOverflowValues) {
  SharedLedger ledger(kGroupBytes, 1);
  ledger.hold(1, 10 * kGroupBytes);
  Engine reference(plan_of(kMemoryRules));
  flood(reference);
  reference.drain();
  Engine engine(plan_of(kMemoryRules), with_ledger(ledger));
  flood(engine);
  engine.drain();
  EXPECT_THAT(engine.aggregate->overflow().labels, ElementsAre("pod"));
  EXPECT_EQ(without_pods(engine), without_pods(reference));
}

TEST(GroupLedger, WhatIsMeasuredCountsIfItIsMore) {
  SharedLedger ledger(1'000, 1);
  ledger.hold(7, 100);
  ledger.hold(7, 100);
  ledger.measured(0, 300);
  EXPECT_EQ(ledger.used(), 300U);
  ledger.measured(300, 50);
  EXPECT_EQ(ledger.used(), 100U);
  ledger.drop(7);
  EXPECT_TRUE(ledger.holds(7));
  ledger.drop(7);
  EXPECT_EQ(ledger.used(), 50U);
}

TEST(GroupLedger, StageOneWaitsForTheGroupsOfStageTwoButNotForEver) {
  SharedLedger ledger(kGroupBytes, 2);  // one more evaluator than there is
  Engine engine(plan_of(kMemoryRules), with_ledger(ledger));
  for (int i = 0; i < 100; ++i) engine.feed(0, pod_event(i, "p1", i));
  engine.run(90);
  EXPECT_EQ(engine.aggregate->events().events, 0U);
  engine.run(20);
  EXPECT_EQ(engine.aggregate->events().events, 100U);
}

TEST(MemoryBudget, WorkersThatMemoryCarriesLeaveHalfOfIt) {
  for (const size_t memory : {size_t{128} << 20, size_t{2} << 30}) {
    EXPECT_GE(workers_max(memory), 8);
    EXPECT_LE(process_bytes(workers_max(memory)), memory / 2);
    EXPECT_GT(process_bytes(workers_max(memory) + 1), memory / 2);
  }
}

TEST(MemoryBudget, WhatQueuesDoNotNeedTheOthersHave) {
  const size_t memory = size_t{4} << 30;
  const MemoryBudget budget = divide_memory(memory, 2, 2);
  EXPECT_EQ(budget.queue_bytes, size_t{8} << 20);
  EXPECT_GT(budget.store_bytes, memory / 7);
  // With little memory a queue is three sixteenths of it.
  const size_t little = size_t{128} << 20;
  EXPECT_EQ(divide_memory(little, 2, 2).queue_bytes, (little - process_bytes(4)) / 16 * 3 / 4);
}

TEST(MemoryBudget, TheSharesNeverAddUpToMoreThanTheWhole) {
  for (const size_t memory : {size_t{128} << 20, size_t{2} << 30, size_t{64} << 30}) {
    for (const auto& [aggregates, evaluates] : {std::pair(1, 1), {4, 1}, {6, 4}, {8, 0}, {0, 3}}) {
      const MemoryBudget budget = divide_memory(memory, aggregates, evaluates);
      const size_t aggregate = budget.queue_bytes + budget.series_bytes * 5 / 4 + budget.lookup_bytes + 2 * budget.open_bytes;
      const size_t evaluate = budget.queue_bytes + budget.evaluate_bytes;
      const size_t groups = budget.group_bytes + budget.overflow_group_bytes * static_cast<size_t>(aggregates);
      if (evaluates > 0) {
        EXPECT_LE(groups, budget.evaluate_bytes * static_cast<size_t>(evaluates) * 3 / 4 + 100);
      }
      const size_t sum = process_bytes(aggregates + evaluates) + budget.store_bytes + aggregate * static_cast<size_t>(aggregates) +
                         evaluate * static_cast<size_t>(evaluates);
      EXPECT_LE(sum, memory);
      EXPECT_GT(sum, memory / 3);
    }
  }
}

}  // namespace
}  // namespace tocsin
