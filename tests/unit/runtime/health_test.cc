// When a process is alive, and when it is ready.

#include "engine/runtime/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/monitor.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow{kBaseMs};

WorkerView working(const std::string& name, WorkerMetrics metrics = {}) {
  metrics.phase = WorkerMetrics::Phase::kWorking;
  return {name, Role::kEvaluate, FlightRecorder::Phase::kRunning, std::make_shared<const WorkerMetrics>(std::move(metrics))};
}

ProcessView process_of(std::vector<WorkerView> workers) {
  ProcessView process;
  process.now = kNow;
  process.phase = ProcessPhase::kRunning;
  process.workers = std::move(workers);
  return process;
}

std::string reason(const ProcessView& process) {
  const Health health = ready(process);
  return health.ok() ? "" : health.text();
}

TEST(Ready, IfEveryWorkerWorks) {
  EXPECT_TRUE(ready(process_of({working("a"), working("b")})).ok());
  EXPECT_EQ(ready(process_of({working("a")})).text(), "ok\n");
}

TEST(Ready, NotBeforeThereAreWorkersNorWhileStopping) {
  ProcessView process = process_of({});
  process.phase = ProcessPhase::kStarting;
  process.detail = "waits for the brokers";
  EXPECT_EQ(reason(process), "starts: waits for the brokers\n");
  EXPECT_TRUE(live(process).ok());
  process.phase = ProcessPhase::kStopping;
  EXPECT_THAT(reason(process), HasSubstr("stops"));
  EXPECT_TRUE(live(process).ok());
  process.phase = ProcessPhase::kFailed;
  process.detail = "disk full";
  EXPECT_EQ(reason(process), "ends: disk full\n");
  EXPECT_EQ(live(process).text(), "ends: disk full\n");
  EXPECT_FALSE(live(process).ok());
}

TEST(Ready, NotWhileAWorkerStartsJoinsOrRestores) {
  WorkerView worker = working("w");
  worker.metrics.reset();
  EXPECT_THAT(reason(process_of({working("a"), worker})), HasSubstr("worker w starts"));
  worker = working("w");
  worker.flight = FlightRecorder::Phase::kRestoring;
  EXPECT_EQ(reason(process_of({worker})), "worker w restores its state\n");
  WorkerMetrics metrics;
  metrics.phase = WorkerMetrics::Phase::kJoining;
  worker = {"w", Role::kAggregate, FlightRecorder::Phase::kRunning, std::make_shared<const WorkerMetrics>(metrics)};
  EXPECT_EQ(reason(process_of({worker})), "worker w joins its consumer group\n");
  metrics.phase = WorkerMetrics::Phase::kRestoring;
  worker.metrics = std::make_shared<const WorkerMetrics>(metrics);
  EXPECT_THAT(reason(process_of({worker})), HasSubstr("reads partials again"));
}

TEST(Ready, NotWhileTheBrokersAreSilent) {
  WorkerMetrics metrics;
  metrics.last_contact = kNow - Duration{10'000};
  EXPECT_EQ(reason(process_of({working("w", metrics)})), "");
  metrics.last_contact = kNow - Duration{10'001};
  EXPECT_EQ(reason(process_of({working("w", metrics)})), "worker w has heard nothing from the brokers for 10 s\n");
}

TEST(Ready, NotWhileAWatermarkStandsStillThoughThereIsMoreToRead) {
  WorkerMetrics metrics;
  PartitionMetrics& partition = metrics.partitions.emplace_back();
  partition.topic = "partials";
  partition.partition = 3;
  partition.lag = 17;
  partition.held_back_by = "telemetry-5";
  partition.stalled_since = kNow - Duration{29'999};
  EXPECT_EQ(reason(process_of({working("w", metrics)})), "");
  partition.stalled_since = kNow - Duration{31'000};
  EXPECT_EQ(reason(process_of({working("w", metrics)})),
            "worker w: the watermark of partials-3 has not moved for 31 s, with 17 messages to read; telemetry-5 holds it back\n");
}

TEST(Stall, BeginsWhenThereIsMoreToReadAndEndsWhenTheWatermarkMoves) {
  StallClock stall;
  const auto at = [](int64_t ms) { return WallTime{ms}; };
  stall.update(EventTime{5}, false, at(0));
  EXPECT_EQ(stall.since(), std::nullopt);
  stall.update(EventTime{5}, true, at(100'000));
  stall.update(EventTime{5}, true, at(110'000));
  EXPECT_EQ(stall.since(), at(100'000)) << "the time without anything to read does not count";
  stall.update(EventTime{6}, true, at(120'000));
  EXPECT_EQ(stall.since(), at(120'000));
  stall.update(EventTime{6}, false, at(130'000));
  EXPECT_EQ(stall.since(), std::nullopt);
}

constexpr const char* kHealthRules = R"(
groups:
- name: g
  rules:
  - alert: Busy
    expr: count[5s] > 2
)";

TEST(Workers, JoinAndThenWork) {
  Engine engine(plan_of(kHealthRules));
  EXPECT_EQ(engine.aggregate->metrics().phase, WorkerMetrics::Phase::kJoining);
  EXPECT_EQ(engine.evaluate->metrics().phase, WorkerMetrics::Phase::kJoining);
  engine.run(3);
  EXPECT_EQ(engine.aggregate->metrics().phase, WorkerMetrics::Phase::kWorking);
  EXPECT_EQ(engine.evaluate->metrics().phase, WorkerMetrics::Phase::kWorking);
}

TEST(Workers, ThatHaveNothingToReadHearFromTheBrokersAllTheSame) {
  EngineOptions options;
  options.idle_timeout = Duration{1'000};
  Engine engine(plan_of(kHealthRules), options);
  engine.run(300);  // thirty seconds
  for (const WorkerMetrics& metrics : {engine.aggregate->metrics(), engine.evaluate->metrics()}) {
    ASSERT_TRUE(metrics.last_contact);
    EXPECT_LE(WallTime{engine.now_ms} - *metrics.last_contact, Duration{1'200});
  }
}

TEST(Monitor, GoesForwardOnly) {
  Monitor monitor({"Busy"}, [] { return kNow; });
  monitor.starting("one thing");
  monitor.starting("another");
  EXPECT_EQ(monitor.view().detail, "another");
  monitor.stopping();
  monitor.running();
  EXPECT_EQ(monitor.view().phase, ProcessPhase::kStopping);
  monitor.failed(unavailable("the first"));
  monitor.failed(unavailable("the second"));
  monitor.stopping();
  EXPECT_EQ(monitor.view().phase, ProcessPhase::kFailed);
  EXPECT_EQ(monitor.view().detail, "the first");
}

TEST(Monitor, ServesThePagesThatItsFrontPageNames) {
  Monitor monitor({"Busy"}, [] { return kNow; });
  WorkerStatus& status = monitor.add_worker("w", Role::kAggregate, {});
  std::string front;
  std::map<std::string, int> statuses;
  for (const http::Route& route : monitor.routes()) {
    const http::Response response = route.answer({});
    statuses[route.path] = response.status;
    if (route.path == "/") front = response.body;
  }
  EXPECT_EQ(statuses, (std::map<std::string, int>{{"/", 200}, {"/healthz", 200}, {"/metrics", 200}, {"/readyz", 503}}));
  EXPECT_THAT(front, AllOf(HasSubstr("/healthz\n"), HasSubstr("/metrics\n"), HasSubstr("/readyz\n")));
  monitor.running();
  status.metrics.refresh(kNow, [] {
    WorkerMetrics metrics;
    metrics.phase = WorkerMetrics::Phase::kWorking;
    return metrics;
  });
  EXPECT_EQ(monitor.routes().back().answer({}).status, 200);
}

TEST(Monitor, AStalledWatermarkIsInTheStatusWithThePartitionThatHoldsItBack) {
  WallTime now = kNow;
  Monitor monitor({"Busy"}, [&now] { return now; });
  WorkerStatus& worker = monitor.add_worker("w", Role::kEvaluate, {});
  monitor.running();
  const auto status = [&](std::optional<WallTime> stalled_since) {
    worker.metrics.refresh(now, [&] {
      WorkerMetrics metrics;
      metrics.phase = WorkerMetrics::Phase::kWorking;
      PartitionMetrics& partition = metrics.partitions.emplace_back();
      partition.topic = "partials";
      partition.partition = 3;
      partition.lag = 17;
      partition.stalled_since = stalled_since;
      partition.held_back_by = "in-5";
      return metrics;
    });
    ProcessStatus sum = sum_up(monitor.statuses(), {}, now);
    sum.not_ready = monitor.readiness().reasons;
    return status_to_json(sum, "one");
  };
  EXPECT_THAT(status(kNow), Not(HasSubstr("notReady")));
  now = kNow + Duration{30'000};
  EXPECT_THAT(status(kNow), HasSubstr(R"("notReady":["worker w: the watermark of partials-3 has not moved for 30 s, with 17 messages )"
                                      R"(to read; in-5 holds it back"])"));
  now = now + Duration{1'000};
  EXPECT_THAT(status(now), Not(HasSubstr("notReady")));
}

TEST(Monitor, TheStatusIsJsonWhateverBytesAReasonQuotes) {
  ProcessStatus status;
  status.not_ready = {"ends: \xff", "second"};
  EXPECT_THAT(status_to_json(status, "one"), HasSubstr("\"notReady\":[\"ends: \uFFFD\",\"second\"]"));
}

}  // namespace
}  // namespace tocsin
