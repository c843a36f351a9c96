// Both workers end to end on a handful of events: alerts, dead letters, and what a restart reads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/alert_json.h"
#include "engine/runtime/alert_records.h"
#include "tests/unit/log/recording_listener.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kWorkerRules = R"(
groups:
- name: chat
  interval: 1s
  rules:
  - alert: ChatErrors
    expr: error_rate{domain="chat"}[5s] > 50%
    by: [region]
    severity: ERROR
    labels: {team: chat}
    annotations: {summary: "{{ $labels.region }} at {{ $value }}"}
)";

std::string failure(int64_t at_ms) { return event_at(at_ms, R"(,"region":"eu","success":false,"latency_ms":20)"); }
std::string success(int64_t at_ms) { return event_at(at_ms, R"(,"region":"eu","latency_ms":20)"); }

std::string at(int64_t ms) { return format_rfc3339(kBaseMs + ms); }

TEST(Workers, AnErrorBurstFiresAndResolves) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 2'100, 2'200}) engine.feed(0, failure(ms));
  for (const int64_t ms : {3'100, 3'200, 3'300, 3'400, 20'000}) engine.feed(0, success(ms));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_EQ(alerts[0].state(), "firing");
  EXPECT_EQ(alerts[0].evaluated_at(), at(1'000));
  EXPECT_EQ(alerts[0].value(), 1);
  EXPECT_EQ(alerts[0].severity(), "ERROR");
  EXPECT_EQ(alerts[0].group(), "chat");
  EXPECT_EQ(alerts[0].labels().at("team"), "chat");
  EXPECT_EQ(alerts[0].labels().at("region"), "eu");
  EXPECT_EQ(alerts[0].annotations().at("summary"), "eu at 1");
  EXPECT_EQ(alerts[0].evidence().count(), 1U);
  EXPECT_EQ(alerts[0].evidence().window_start(), at(-4'000));
  EXPECT_EQ(alerts[0].evidence().window_end(), at(1'000));
  EXPECT_EQ(alerts[1].state(), "resolved");
  EXPECT_EQ(alerts[1].starts_at(), at(1'000));
  EXPECT_EQ(alerts[1].ends_at(), at(4'000));
  EXPECT_EQ(alerts[1].id(), alerts[0].id());
  EXPECT_EQ(alerts[1].evidence().errors(), 3U);
  EXPECT_EQ(alerts[1].evidence().count(), 7U);
}

TEST(Workers, EvidenceOfNothingIsWrittenAsZero) {
  Engine engine(plan_of("groups: [{name: g, rules: [{alert: Quiet, expr: 'count{domain=\"none\"}[1s] < 1'}]}]"));
  for (const int64_t ms : {100, 5'000}) engine.feed(0, success(ms));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_THAT(alert_to_json(alerts[0]), HasSubstr(R"("value":0,)"));
  EXPECT_THAT(alert_to_json(alerts[0]), HasSubstr(R"("evidence":{"count":"0","errors":"0",)"));
}

TEST(Workers, AlertRecordsCarryTheirKeyAndCloudEventsHeaders) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, failure(100));
  engine.feed(0, success(20'000));
  engine.drain();
  const std::vector<log::LogEntry> entries = engine.log.entries({"alerts", 0});
  ASSERT_FALSE(entries.empty());
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  EXPECT_EQ(entries[0].key, alerts[0].fingerprint());
  std::map<std::string, std::string> headers;
  for (const log::Header& header : entries[0].headers) headers[header.name] = header.value;
  EXPECT_EQ(headers["ce_specversion"], "1.0");
  EXPECT_EQ(headers["ce_id"], alerts[0].fingerprint() + "-1");
  EXPECT_EQ(headers["ce_type"], "tocsin.alert.firing");
  EXPECT_EQ(headers["ce_time"], alerts[0].evaluated_at());
  EXPECT_EQ(headers["ce_source"], "tocsin/test");
}

TEST(Workers, ALateEventCountsFromTheFirstTickAfterItsPartitionsWatermark) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, success(1'000));
  engine.feed(0, success(3'600));  // watermark 3.1 s: what comes now takes part from tick 4 s on
  engine.feed(0, failure(500));
  engine.feed(0, failure(600));
  engine.feed(0, failure(700));
  engine.feed(0, success(20'000));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts[0].evaluated_at(), at(4'000));
  EXPECT_EQ(alerts[0].evidence().count(), 5U);
  EXPECT_EQ(engine.aggregate->events().late, 3U);
}

TEST(Workers, ALossOfFramesIsNotForgottenWhenThePartitionGoesWithATransactionThatCommitted) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, failure(100));
  engine.feed(0, success(20'000));
  for (int i = 0; i < 100 && engine.evaluate->counters().alerts == 0; ++i) engine.run(1);
  ASSERT_GT(engine.evaluate->counters().alerts, 0U);
  engine.evaluate->on_range_lost(0, 1, 2);
  engine.evaluate->on_lost({0});
  EXPECT_EQ(engine.evaluate->step({0}).code(), StatusCode::kDataLoss);
}

// A store whose disk is full when the test says so.
class FullStore final : public state::MemoryStore {
 public:
  Status write(const state::WriteBatch& batch) override { return full ? unavailable("no space left") : MemoryStore::write(batch); }

  bool full = false;
};

TEST(Workers, AStoreThatRefusesWhatWasCommittedEndsTheWorkerAlsoWhenItGivesUpItsPartitions) {
  for (const bool closes : {false, true}) {
    SCOPED_TRACE(closes ? "close" : "rebalance");
    EngineOptions options;
    options.poll_records_max = 1;
    Engine engine(plan_of(kWorkerRules), options);
    engine.crash();
    auto store = std::make_unique<FullStore>();
    FullStore& disk = *store;
    engine.store = std::move(store);
    engine.start();
    for (const int64_t ms : {100, 300}) {
      engine.feed(0, success(ms));
      engine.now_ms += 100;
      ASSERT_TRUE(engine.aggregate->step({0}).ok());
    }
    ASSERT_THAT(engine.log.entries({"partials", 0}), SizeIs(2));
    // The second frame is applied, and not committed as no time has passed.
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(engine.evaluate->step({0}).ok());
    ASSERT_FALSE(engine.evaluate->idle());
    ASSERT_EQ(engine.evaluate->counters().commits, 1U);
    disk.full = true;
    if (closes) {
      EXPECT_EQ(engine.evaluate->close().code(), StatusCode::kUnavailable);
    } else {
      engine.evaluate->on_revoked({0});
      EXPECT_EQ(engine.evaluate->step({0}).code(), StatusCode::kUnavailable);
    }
  }
}

// A backtest ends as soon as the worker says so.
TEST(Workers, IsNotIdleWhileAlertsOfTicksThatWereLeftOverWaitForTheirTransaction) {
  size_t cut = 0;
  for (size_t bytes = 4'096; bytes <= 32'768; bytes += 256) {
    SCOPED_TRACE(bytes);
    EngineOptions options;
    options.transaction_bytes = bytes;
    Engine engine(plan_of(kWorkerRules), options);
    engine.now_ms += 7'200'000;  // what lies far back is committed only now and then
    for (int64_t ms = 0; ms < 60'000; ms += 250) engine.feed(0, ms / 10'000 % 2 == 0 ? failure(ms) : success(ms));
    ASSERT_TRUE(engine.step().ok());
    const auto ended = [&] { return engine.log.committed("evaluate", {"partials", 0}) && engine.evaluate->idle(); };
    for (int i = 0; i < 1'000 && !ended(); ++i) ASSERT_TRUE(engine.step({i < 900 ? 0 : 100}).ok());
    ASSERT_TRUE(ended());
    EXPECT_THAT(engine.alerts(), SizeIs(engine.evaluate->evaluator_counters().alerts));
    cut += engine.evaluate->counters().commits > 2;
  }
  EXPECT_GT(cut, 20U);
}

TEST(Workers, WhatWasReadOfALostPartitionIsDropped) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, success(1'000));
  engine.drain();
  engine.feed(0, success(1'010));
  ASSERT_TRUE(engine.aggregate->step({0}).ok());
  engine.feed(0, success(1'020));
  engine.feed(0, "{not json");
  ASSERT_TRUE(engine.aggregate->step({0}).ok());  // no time has passed, so nothing is flushed
  ASSERT_GT(engine.aggregate->metrics().accumulator_bytes, 0U);
  engine.aggregate->on_lost({0});
  EXPECT_EQ(engine.aggregate->metrics().accumulator_bytes, 0U);
  ASSERT_TRUE(engine.aggregate->on_assigned({{0, engine.log.committed("aggregate", {"in", 0})}}).ok());
  engine.feed(0, success(1'030));
  ASSERT_TRUE(engine.step().ok());
  EXPECT_TRUE(engine.log.entries({"dead-letters", 0}).empty()) << "the next owner reads it, too";
}

// `./dev faults broker-pause --seed 2` on Kafka 4.2.1: a coordinator elected twice within its time to load answered with offsets of long
// ago. Events were read and committed again, and stage 2 stopped for good at frames that overlapped.
TEST(Workers, DoNotBelieveThatLessWasCommittedThanTheyHaveCommitted) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  const auto check = [](log::ConsumerListener& worker, const std::optional<log::CommittedOffset>& committed) {
    ASSERT_TRUE(committed && committed->offset > 1);
    EXPECT_EQ(worker.on_assigned({{0, log::CommittedOffset{committed->offset - 1, committed->metadata}}}).status().code(),
              StatusCode::kUnavailable);
    EXPECT_EQ(worker.on_assigned({{0, std::nullopt}}).status().code(), StatusCode::kUnavailable);
    EXPECT_TRUE(worker.on_assigned({{0, committed}}).ok());
  };
  check(*engine.aggregate, engine.log.committed("aggregate", {"in", 0}));
  check(*engine.evaluate, engine.log.committed("evaluate", {"partials", 0}));
  engine.crash();
  engine.start();  // it has committed nothing now, but was told
  const auto told = engine.log.committed("aggregate", {"in", 0});
  ASSERT_TRUE(engine.aggregate->on_assigned({{0, told}}).ok());
  check(*engine.aggregate, told);
}

TEST(Workers, AtTheEndATransactionThatFailedIsLeftToTheNextOwner) {
  const auto feed = [](Engine& engine) {
    for (const int64_t ms : {100, 2'100, 2'200}) engine.feed(0, failure(ms));
    engine.feed(0, success(20'000));
  };
  Engine undisturbed(plan_of(kWorkerRules));
  feed(undisturbed);
  undisturbed.drain();
  for (const char* const id : {"aggregate", "evaluate"}) {
    SCOPED_TRACE(id);
    Engine engine(plan_of(kWorkerRules));
    feed(engine);
    engine.log.fail_next_commit(StatusCode::kUnavailable, log::FaultPoint::kBefore, id);
    const auto submitted = [&] {
      return engine.aggregate->counters().flushes > 0 && (id[0] == 'a' || engine.evaluate->counters().alerts > 0);
    };
    for (int i = 0; i < 100 && !submitted(); ++i) engine.run(1);
    ASSERT_TRUE(submitted());
    const uint64_t restores = engine.evaluate->counters().restores;
    EXPECT_TRUE(engine.aggregate->close().ok());
    EXPECT_TRUE(engine.evaluate->close().ok());
    EXPECT_EQ(engine.aggregate->counters().rewinds + engine.evaluate->counters().rewinds, 0U);
    EXPECT_EQ(engine.evaluate->counters().restores, restores);
    engine.restart(plan_of(kWorkerRules));
    engine.drain();
    EXPECT_EQ(sorted_lines(engine.alerts()), sorted_lines(undisturbed.alerts()));
  }
}

TEST(Workers, AnEventLaterThanAllowedCountsNowhere) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, success(30'000));
  engine.feed(0, failure(9'000));  // 20.5 s behind the watermark
  engine.feed(0, failure(9'499));
  engine.feed(0, success(60'000));
  engine.drain();
  EXPECT_EQ(engine.aggregate->events().dropped_late, 2U);
  EXPECT_THAT(engine.alerts(), testing::IsEmpty());
}

std::vector<std::pair<std::string, std::string>> headers_of(const log::LogEntry& entry) {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(entry.headers.size());
  for (const log::Header& header : entry.headers) headers.emplace_back(header.name, header.value);
  return headers;
}

TEST(Workers, DeadLettersCarryTheirOriginAndReason) {
  EngineOptions options;
  options.inputs = 2;
  Engine engine(plan_of(kWorkerRules), options);
  const std::string bad_event = event_at(200, R"(,"latency_ms":-1)");
  engine.feed(1, success(100));
  engine.feed(1, "[" + success(150) + "," + bad_event + "]");
  engine.feed(1, "{not json");
  engine.drain();
  const std::vector<log::LogEntry> letters = engine.log.entries({"dead-letters", 0});
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_EQ(*letters[0].value, bad_event);
  using testing::_;
  using testing::Pair;
  EXPECT_THAT(headers_of(letters[0]), ElementsAre(Pair("tocsin.topic", "in"), Pair("tocsin.partition", "1"), Pair("tocsin.offset", "1"),
                                                  Pair("tocsin.index", "1"), Pair("tocsin.reason", testing::HasSubstr("latency"))));
  EXPECT_EQ(*letters[1].value, "{not json");
  EXPECT_THAT(headers_of(letters[1]), ElementsAre(Pair("tocsin.topic", "in"), Pair("tocsin.partition", "1"), Pair("tocsin.offset", "2"),
                                                  Pair("tocsin.index", "0"), Pair("tocsin.reason", _)));
  EXPECT_EQ(engine.aggregate->events().events, 2U);
}

TEST(Workers, ADeadLetterIsCutToItsLargestSize) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, "{" + std::string(950'000, 'x'));
  engine.drain();
  const std::vector<log::LogEntry> letters = engine.log.entries({"dead-letters", 0});
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].value->size(), 900'000U);
  EXPECT_THAT(headers_of(letters[0]), testing::Contains(testing::Pair("tocsin.truncated", "true")));
}

// --- What a restart reads

TEST(Workers, AWorkerWhoseNameIsTakenTakesItBackOnceAndEndsTheSecondTime) {
  Engine engine(plan_of(kWorkerRules));
  const auto join_under_its_name = [&](log::ConsumerListener& listener) {
    log::MemoryConsumerOptions options;
    options.group = "aggregate";
    options.instance_id = "w";
    options.topics = {"in"};
    return engine.log.consumer(std::move(options), listener);
  };
  log::RecordingListener listener;
  for (const int64_t ms : {100, 2'100, 2'200}) engine.feed(0, failure(ms));
  // The worker learns of it when it goes back for a transaction that was rolled back, not only when it polls.
  engine.log.fail_next_commit(StatusCode::kAborted, log::FaultPoint::kBefore, "aggregate");
  ASSERT_TRUE(engine.step(Duration{10'000}).ok());
  auto twin = join_under_its_name(listener);
  const Status taken_back = engine.step();
  ASSERT_TRUE(taken_back.ok()) << taken_back.message();
  EXPECT_EQ(engine.aggregate->metrics().transactions_rolled_back, 1U);
  twin.reset();
  for (const int64_t ms : {3'100, 3'200, 3'300, 3'400, 20'000}) engine.feed(0, success(ms));
  engine.drain();
  EXPECT_THAT(engine.alerts(), SizeIs(2));
  twin = join_under_its_name(listener);
  EXPECT_EQ(engine.step().code(), StatusCode::kFenced);
}

TEST(Restart, AStoreThatHasEverythingReadsNothingOfTheChangelog) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  engine.crash();
  engine.start();
  engine.run(1);
  EXPECT_EQ(engine.evaluate->counters().restores, 1U);
  EXPECT_EQ(engine.evaluate->counters().changelog_records_read, 0);
}

TEST(Restart, AStoreBehindTheChangelogReadsWhatItLacks) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  const size_t before = engine.log.entries({"changelog", 0}).size();
  engine.feed(0, failure(12'000));
  engine.run(1);  // the transaction is committed, but the store gets it only in the next round
  const size_t after = engine.log.entries({"changelog", 0}).size();
  ASSERT_GT(after, before);
  engine.crash();
  engine.start();
  engine.run(1);
  EXPECT_EQ(engine.evaluate->counters().changelog_records_read, static_cast<int64_t>(after - before));
}

TEST(Restart, AnEmptyStoreReadsTheWholeChangelog) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  const size_t all = engine.log.entries({"changelog", 0}).size();
  engine.crash(true);
  engine.start();
  engine.run(1);
  EXPECT_EQ(engine.evaluate->counters().changelog_records_read, static_cast<int64_t>(all));
  EXPECT_EQ(engine.evaluate->evaluated(), EventTime{kBaseMs + 8'500});
}

TEST(Restart, StateThatDoesNotMatchTheCommittedOffsetIsRefused) {
  Engine engine(plan_of(kWorkerRules));
  const Status status = engine.evaluate->on_assigned({{0, log::CommittedOffset{3, ""}}}).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), testing::HasSubstr("stands at partials offset nothing"));
}

// Found by the simulation: a worker that was alive meanwhile went on writing what changed, and the next restore took that for all there
// was.
TEST(Restart, AChangelogWithoutItsBeginningIsRefusedIfTheStoreNeedsIt) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  engine.log.truncate({"changelog", 0}, engine.reader->bounds({"changelog", 0})->second);
  engine.feed(0, failure(12'000));
  engine.drain();
  engine.crash();
  engine.start();
  EXPECT_TRUE(engine.step().ok());  // the store has all of it
  engine.crash(true);
  engine.start();
  const Status status = engine.step();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), testing::HasSubstr("have been deleted, and the state directory does not have what they said"));
}

// Seed 3561 of tests/simulation: a member that stands still between learning the committed offset and reading the changelog finds what the
// next owner has committed since. It ended with a loss of data that there was not.
TEST(Restart, StateThatIsAheadIsLookedAtOnceMoreThenRefused) {
  Engine engine(plan_of(kWorkerRules));
  for (const int64_t ms : {100, 1'200, 2'300, 9'000}) engine.feed(0, failure(ms));
  engine.drain();
  engine.crash();
  engine.start();  // it has committed nothing itself
  const auto committed = engine.log.committed("evaluate", {"partials", 0});
  ASSERT_TRUE(committed && committed->offset > 1);
  const auto assigned = [&](int64_t offset) {
    return engine.evaluate->on_assigned({{0, log::CommittedOffset{offset, ""}}}).status().code();
  };
  EXPECT_EQ(assigned(committed->offset - 2), StatusCode::kUnavailable);
  EXPECT_EQ(assigned(committed->offset - 1), StatusCode::kUnavailable);
  EXPECT_EQ(assigned(committed->offset), StatusCode::kOk);
  engine.crash();
  engine.start();
  EXPECT_EQ(assigned(committed->offset - 1), StatusCode::kUnavailable);
  EXPECT_EQ(assigned(committed->offset - 1), StatusCode::kDataLoss);
}

TEST(Restart, AnOlderCopyOfTheStateIsRefusedIfItsChangelogIsGone) {
  Engine engine(plan_of(kWorkerRules));
  engine.feed(0, failure(100));
  engine.feed(0, failure(2'300));
  engine.drain();
  const int64_t end = engine.reader->bounds({"changelog", 0})->second;
  engine.feed(0, failure(12'000));
  engine.run(1);
  ASSERT_GT(engine.reader->bounds({"changelog", 0})->second, end);
  engine.crash();
  engine.log.truncate({"changelog", 0}, engine.reader->bounds({"changelog", 0})->second);
  engine.start();
  EXPECT_EQ(engine.step().code(), StatusCode::kDataLoss);
}

// Both workers' transactions for 6,000 events, read in 30 rounds of a tenth of a second, and how long after them all is committed.
struct Pace {
  uint64_t flushes = 0;
  uint64_t commits = 0;
  size_t alerts = 0;
};
Pace pace_at(int64_t ms_behind) {
  EngineOptions options;
  options.poll_records_max = 200;
  Engine engine(plan_of(kWorkerRules), options);
  engine.now_ms = kBaseMs + ms_behind;
  for (int64_t ms = 0; ms < 6'000; ++ms) engine.feed(0, ms % 1'000 < 500 ? failure(ms) : success(ms));
  engine.run(30);
  const Pace pace = {engine.aggregate->counters().flushes, engine.evaluate->counters().commits, 0};
  engine.drain();
  return {pace.flushes, pace.commits, engine.alerts().size()};
}

TEST(Workers, MakeFewerTransactionsWhileTheyCatchUp) {
  const Pace now = pace_at(0);
  const Pace behind = pace_at(60'000);
  EXPECT_EQ(now.flushes, 30U);
  EXPECT_EQ(behind.flushes, 6U);
  EXPECT_LE(behind.commits, 6U);
  EXPECT_GE(now.commits, 4 * behind.commits);
  EXPECT_EQ(behind.alerts, now.alerts);
}

}  // namespace
}  // namespace tocsin
