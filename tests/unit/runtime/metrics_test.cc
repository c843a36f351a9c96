// What /metrics says, over both workers on an in-process log.

#include "engine/runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/monitor.h"
#include "tests/unit/runtime/engine_fixture.h"
#include "tests/unit/runtime/metrics_text.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMetricsRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Busy
    expr: count[5s] > 2
  - alert: Waiting
    expr: count[5s] > 1
    for: 1h
)";

// An event may be selected by rules of no group, of one, or of both; the labels pod and region may overflow.
constexpr const char* kTwoGroups = R"(
groups:
- name: chat
  rules:
  - alert: Chat
    expr: count{domain="chat"}[5s] > 1000000
- name: pods
  rules:
  - alert: Pods
    expr: count{pod=~"p.+"}[5s] > 1000000
    by: [pod, region]
  - alert: PodErrors
    expr: errors{pod=~"p.+"}[5s] > 1000000
    by: [pod]
)";

// A process of one worker a stage, as `engine` stands.
ProcessView view_of(Engine& engine) {
  ProcessView view;
  view.now = WallTime{engine.now_ms};
  view.version = "1.2.3";
  view.phase = ProcessPhase::kRunning;
  view.rules = {"Busy", "Waiting"};
  view.workers = {
      {"a", Role::kAggregate, FlightRecorder::Phase::kRunning, std::make_shared<const WorkerMetrics>(engine.aggregate->metrics())},
      {"e", Role::kEvaluate, FlightRecorder::Phase::kRunning, std::make_shared<const WorkerMetrics>(engine.evaluate->metrics())}};
  view.store = state::RocksDbStatistics();
  view.process = read_process_metrics();
  return view;
}

TEST(Histogram, CountsADurationAtItsBoundBelowIt) {
  static constexpr std::array<int64_t, 2> kBounds = {10, 20};
  Histogram histogram(kBounds);
  for (const int64_t ms : {-5, 0, 10, 11, 20, 21, 1'000}) histogram.observe({ms});
  EXPECT_THAT(histogram.counts(), ElementsAre(3, 2, 2));
  EXPECT_EQ(histogram.sum(), Duration{1'062});
  Histogram twice = histogram;
  twice.add(histogram);
  EXPECT_THAT(twice.counts(), ElementsAre(6, 4, 4));
}

TEST(Metrics, AreThoseOfTheTableInTheDocs) {
  Engine engine(plan_of(kTwoGroups), with_wall_clock());
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(30);
  const FamilyShapes exported = exported_shapes(render_metrics(view_of(engine)));
  const FamilyShapes documented = documented_shapes(TOCSIN_SOURCE_DIR "/docs/metrics.md");
  EXPECT_EQ(exported, documented);
  EXPECT_GT(exported.size(), 40U);
}

TEST(Metrics, TheirNamesFollowThePractice) {
  Engine engine(plan_of(kMetricsRules));
  for (const auto& [name, shape] : exported_shapes(render_metrics(view_of(engine)))) {
    EXPECT_TRUE(name.starts_with("tocsin_") || name.starts_with("process_")) << name;
    EXPECT_EQ(name.ends_with("_total"), shape.type == "counter") << name;
    EXPECT_EQ(name.ends_with("_seconds"),
              shape.type == "histogram" || name.ends_with("_delay_seconds") || name == "process_start_time_seconds")
        << name;
    for (const char* unit : {"_ms", "_millis", "_kb", "_percent"}) EXPECT_FALSE(name.ends_with(unit)) << name;
  }
}

TEST(Metrics, NamesAreThereBeforeAnythingRuns) {
  const std::string text = render_metrics(ProcessView());
  const FamilyShapes documented = documented_shapes(TOCSIN_SOURCE_DIR "/docs/metrics.md");
  for (const auto& [name, shape] : exported_shapes(text)) EXPECT_TRUE(documented.contains(name)) << name;
  EXPECT_EQ(exported_shapes(text).size(), documented.size());
  EXPECT_EQ(value_of(text, "tocsin_ready"), 0);
  EXPECT_EQ(value_of(text, "tocsin_events_total"), 0);
}

TEST(Metrics, APartitionThatHasJustChangedItsWorkerIsThereOnce) {
  ProcessView view;
  const auto worker_with = [&view](std::optional<EventTime> watermark, std::optional<int64_t> lag) {
    WorkerMetrics metrics;
    PartitionMetrics& partition = metrics.partitions.emplace_back();
    partition.topic = "in";
    partition.partition = 3;
    partition.lag = lag;
    partition.watermark = watermark;
    view.workers.emplace_back().metrics = std::make_shared<const WorkerMetrics>(std::move(metrics));
  };
  worker_with(EventTime{1'000}, 70);
  worker_with(EventTime{2'000}, 50);
  worker_with(std::nullopt, std::nullopt);
  const std::string text = render_metrics(view);
  const std::string sample = "tocsin_partition_lag_messages{topic=\"in\",partition=\"3\"} ";
  EXPECT_EQ(value_of(text, sample.substr(0, sample.size() - 1)), 50);
  EXPECT_EQ(text.find(sample), text.rfind(sample));
}

TEST(Metrics, CountWhatHappened) {
  Engine engine(plan_of(kMetricsRules), with_wall_clock());
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.feed(0, "no event");
  engine.run(30);  // three seconds: the tick at 1 s fires
  std::string text = render_metrics(view_of(engine));
  EXPECT_EQ(value_of(text, "tocsin_input_messages_total"), 4);
  EXPECT_EQ(value_of(text, "tocsin_input_bytes_total"), static_cast<double>(3 * event_at(100).size() + 8));
  EXPECT_EQ(value_of(text, "tocsin_events_total"), 3);
  EXPECT_EQ(value_of(text, "tocsin_dead_letters_total"), 1);
  EXPECT_EQ(value_of(text, "tocsin_series"), 1);
  EXPECT_GT(value_of(text, "tocsin_frames_written_total"), 0);
  EXPECT_EQ(value_of(text, "tocsin_frames_written_total"), value_of(text, "tocsin_frames_applied_total"));
  EXPECT_GT(value_of(text, "tocsin_frames_written_bytes_total"), 100);
  EXPECT_EQ(value_of(text, "tocsin_restores_total"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alert_events_total{rule=\"Busy\",state=\"firing\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alert_events_total{rule=\"Busy\",state=\"resolved\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_alert_events_total{rule=\"Waiting\",state=\"firing\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Busy\",state=\"firing\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Waiting\",state=\"pending\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alert_commit_delay_seconds_count"), 1);
  EXPECT_GT(value_of(text, "tocsin_tick_delay_seconds_count"), 1);
  EXPECT_GT(value_of(text, "tocsin_commit_duration_seconds_count{role=\"aggregate\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_partition_lag_messages{topic=\"in\",partition=\"0\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_partition_lag_messages{topic=\"partials\",partition=\"0\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_workers{role=\"evaluate\",phase=\"working\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_ready"), 1);
  EXPECT_GT(value_of(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value_of(text, "process_start_time_seconds"), 1.6e9);
  engine.run(60);  // the window is empty again
  text = render_metrics(view_of(engine));
  EXPECT_EQ(value_of(text, "tocsin_alert_events_total{rule=\"Busy\",state=\"resolved\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Busy\",state=\"firing\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Waiting\",state=\"pending\"}"), 0);
}

TEST(Metrics, ADroppedLateEventCountsOnceForEachRuleGroupThatSelectsIt) {
  Engine engine(plan_of(kTwoGroups));
  engine.feed(0, event_at(3'700'000));
  engine.feed(0, event_at(0, R"(,"pod":"p1","success":false)"));
  engine.feed(0, event_at(0));
  engine.feed(0, fmt::format(R"({{"ts":{},"domain":"shop"}})", kBaseMs));
  engine.run(3);
  const std::string text = render_metrics(view_of(engine));
  EXPECT_EQ(value_of(text, "tocsin_dropped_late_events_total{rule_group=\"chat\"}"), 2);
  EXPECT_EQ(value_of(text, "tocsin_dropped_late_events_total{rule_group=\"pods\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_too_late_events_total"), 3);
}

TEST(Metrics, TellWhatOverflowsAndByWhichLabel) {
  Engine engine(plan_of(kTwoGroups), {.series = {.max_series = 100}});
  const auto feed = [&](int from, int to) {
    for (int i = from; i < to; ++i) engine.feed(0, event_at(i, fmt::format(R"(,"pod":"p{}","region":"eu")", i)));
    engine.run(3);
    return render_metrics(view_of(engine));
  };
  std::string text = feed(0, 100);
  EXPECT_EQ(value_of(text, "tocsin_overflowing_workers{label=\"pod\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_overflowed_series"), 0);
  EXPECT_EQ(value_of(text, "tocsin_overflowed_events_total"), 0);
  text = feed(100, 150);
  EXPECT_EQ(value_of(text, "tocsin_overflowing_workers{label=\"pod\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_overflowing_workers{label=\"region\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_overflowing_workers{label=\"domain\"}"), -1) << "no rule groups by it";
  EXPECT_EQ(value_of(text, "tocsin_overflowed_series"), 1);
  EXPECT_EQ(value_of(text, "tocsin_overflowed_events_total"), 50);
  EXPECT_EQ(value_of(text, "tocsin_series"), 101);
}

TEST(Metrics, MemoryIsByRoleAndAddedUpOverTheWorkers) {
  Engine engine(plan_of(kTwoGroups));
  engine.feed(0, event_at(0, R"(,"pod":"p1")"));
  engine.run(3);
  ProcessView view = view_of(engine);
  view.workers.push_back(view.workers.front());
  const std::string text = render_metrics(view);
  const auto twice = [](size_t bytes) { return static_cast<double>(2 * bytes); };
  EXPECT_GT(engine.aggregate->memory_bytes(), 0U);
  EXPECT_EQ(value_of(text, "tocsin_worker_memory_bytes{role=\"aggregate\"}"), twice(engine.aggregate->memory_bytes()));
  EXPECT_EQ(value_of(text, "tocsin_worker_memory_budget_bytes{role=\"aggregate\"}"), twice(engine.aggregate->memory_budget_bytes()));
  EXPECT_EQ(value_of(text, "tocsin_worker_memory_bytes{role=\"evaluate\"}"), static_cast<double>(engine.evaluate->memory_bytes()));
  EXPECT_EQ(value_of(text, "tocsin_worker_memory_budget_bytes{role=\"evaluate\"}"),
            static_cast<double>(engine.evaluate->memory_budget_bytes()));
  EXPECT_EQ(value_of(text, "tocsin_input_pauses_total{role=\"aggregate\"}"), 0);
  EXPECT_EQ(value_of(text, "tocsin_input_pauses_total{role=\"evaluate\"}"), 0);
}

TEST(Metrics, DelaysAreMeasuredAgainstTheWallClock) {
  EngineOptions options = with_wall_clock();
  options.idle_timeout.reset();
  Engine engine(plan_of(kMetricsRules), options);
  engine.feed(0, event_at(10'000));  // watermark 9.5 s, last tick 9 s
  engine.run(20);
  ProcessView view = view_of(engine);
  view.now = WallTime{kBaseMs + 20'000};
  const std::string text = render_metrics(view);
  EXPECT_EQ(value_of(text, "tocsin_watermark_delay_seconds{topic=\"in\",partition=\"0\"}"), 10.5);
  EXPECT_EQ(value_of(text, "tocsin_watermark_delay_seconds{topic=\"partials\",partition=\"0\"}"), 10.5);
  EXPECT_GE(value_of(text, "tocsin_evaluation_delay_seconds{topic=\"partials\",partition=\"0\"}"), 10.5);
}

TEST(Metrics, LiveInstancesAreCountedAfterARestoreToo) {
  Engine engine(plan_of(kMetricsRules), with_wall_clock());
  for (const int64_t ms : {100, 200, 300}) engine.feed(0, event_at(ms));
  engine.run(30);
  engine.crash();
  engine.start();
  engine.run(2);
  const std::string text = render_metrics(view_of(engine));
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Busy\",state=\"firing\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alerts{rule=\"Waiting\",state=\"pending\"}"), 1);
  EXPECT_EQ(value_of(text, "tocsin_alert_events_total{rule=\"Busy\",state=\"firing\"}"), 0) << "a counter is of its process";
}

TEST(Metrics, ASnapshotIsTakenFourTimesASecond) {
  MetricsSlot slot;
  int made = 0;
  const auto refresh = [&](int64_t ms) {
    slot.refresh(WallTime{ms}, [&] {
      WorkerMetrics metrics;
      metrics.events = static_cast<uint64_t>(++made);
      return metrics;
    });
  };
  EXPECT_EQ(slot.latest(), nullptr);
  for (const int64_t ms : {1'000, 1'100, 1'249}) refresh(ms);
  EXPECT_EQ(slot.latest()->events, 1U);
  refresh(1'250);
  EXPECT_EQ(slot.latest()->events, 2U);
  refresh(500);  // the clock was set back
  EXPECT_EQ(slot.latest()->events, 3U);
}

}  // namespace
}  // namespace tocsin
