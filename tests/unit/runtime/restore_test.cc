// Restores that are cut off, and what is left of them.

#include "engine/runtime/restore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "operators/keys.h"
#include "state/changelog.h"
#include "state/key_codec.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kRestoreRules = "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'count[5s] > 2', by: [region]}]}]";

// A changelog of two rows, the first large enough for a batch of its own; after it the broker is away.
class BreakingReader final : public log::PartitionReader {
 public:
  Result<std::pair<int64_t, int64_t>> bounds(const log::TopicPartition&) override { return std::pair<int64_t, int64_t>(0, 2); }
  Status read(const log::TopicPartition& partition, int64_t, int64_t, Visitor& visit) override {
    state::WriteBatch batch;
    batch.put(state::KeyWriter().u32(static_cast<uint32_t>(partition.partition)).u8('g').take(), std::string(5 << 20, 'v'));
    const state::ChangelogRecord encoded = state::encode(batch.operations.front());
    log::Record record;
    record.key = encoded.key;
    record.value = *encoded.value;
    TOCSIN_RETURN_IF_ERROR(visit.record(record));
    return unavailable("away");
  }
};

TEST(Restore, CutOffInTheMiddleDoesNotMakeAnOldStoreYoung) {
  constexpr int32_t kPartition = 7;
  constexpr Duration kTombstonesKept{1'000};
  const std::string key = changelog_position_key(kPartition);
  state::MemoryStore store;
  StoreLeases leases(store);
  const StoreLease lease = leases.take(kPartition);
  state::WriteBatch old;
  old.put(key, encode_changelog_position({0, WallTime{10'000}}));
  ASSERT_TRUE(*lease.write(old));
  BreakingReader reader;
  const auto restore = [&](WallTime now) {
    return catch_up({"changelog", kPartition}, reader, store, lease, now, {.tombstones_kept = kTombstonesKept});
  };
  EXPECT_EQ(restore(WallTime{10'900}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(**store.get(key), encode_changelog_position({1, WallTime{10'000}}));
  // By now a tombstone behind the first record may be gone, so the store must not be gone on with: it is emptied and read from nothing.
  EXPECT_EQ(restore(WallTime{11'100}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(**store.get(key), encode_changelog_position({1, WallTime{11'100}}));
}

// As the log's own, but the changelog of one partition cannot be read for now.
class PatchyReader final : public log::PartitionReader {
 public:
  PatchyReader(std::unique_ptr<log::PartitionReader> whole, int32_t partition) : missing(partition), whole_(std::move(whole)) {}
  Result<std::pair<int64_t, int64_t>> bounds(const log::TopicPartition& partition) override {
    if (partition == log::TopicPartition{"changelog", missing}) return unavailable("away");
    return whole_->bounds(partition);
  }
  Status read(const log::TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) override {
    return whole_->read(partition, from, to, visit);
  }

  int32_t missing;

 private:
  std::unique_ptr<log::PartitionReader> whole_;
};

TEST(Restore, OfAnAssignmentThatFailedHalfWayNothingIsKept) {
  Engine engine(plan_of(kRestoreRules), {.partials = 2});
  for (int64_t ms = 100; ms < 20'000; ms += 500) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.drain();
  engine.crash();
  auto patchy = std::make_unique<PatchyReader>(std::move(engine.reader), 1);
  PatchyReader& changelog = *patchy;
  engine.reader = std::move(patchy);
  engine.start();
  engine.run(3);
  EXPECT_THAT(engine.evaluate->metrics().partitions, IsEmpty());
  changelog.missing = -1;
  engine.run(3);
  EXPECT_THAT(engine.evaluate->metrics().partitions, SizeIs(2));
}

TEST(Restore, ARowThatCannotBeReadIsNotLeftOut) {
  for (const std::string& prefix : {keys::groups(0), keys::instances(0), keys::last_events(0)}) {
    SCOPED_TRACE(prefix.back());
    Engine engine(plan_of(kRestoreRules));
    for (int64_t ms = 100; ms < 20'000; ms += 500) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
    engine.feed(0, event_at(40'000, R"(,"region":"us")"));
    engine.drain();
    engine.crash();
    state::WriteBatch batch;
    {
      const auto rows = engine.store->scan(prefix, state::prefix_end(prefix));
      ASSERT_TRUE(rows->valid());
      batch.put(std::string(rows->key()), "\xff no message");
    }
    ASSERT_TRUE(engine.store->write(batch).ok());
    engine.start();
    Status status;
    for (int i = 0; i < 5 && status.ok(); ++i) status = engine.step();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  }
}

// How a restart ends after `change` to what lies under the prefix in the store: an error, or nothing for five rounds.
Status restart_after(const std::string& prefix, const std::vector<int64_t>& events_ms, const char* rules,
                     const std::function<void(state::WriteBatch&, const state::Iterator&)>& change) {
  Engine engine(plan_of(rules));
  for (const int64_t ms : events_ms) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.drain();
  engine.crash();
  state::WriteBatch batch;
  for (const auto rows = engine.store->scan(prefix, state::prefix_end(prefix)); rows->valid(); rows->next()) change(batch, *rows);
  EXPECT_FALSE(batch.empty());
  EXPECT_TRUE(engine.store->write(batch).ok());
  engine.start();
  engine.feed(0, event_at(60'000, R"(,"region":"us")"));
  Status status;
  for (int i = 0; i < 5 && status.ok(); ++i) status = engine.step();
  return status;
}

void remove(state::WriteBatch& batch, const state::Iterator& row) { batch.remove(std::string(row.key())); }

void expect_damage(const Status& status, const std::string& what) {
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(what), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("move the state directory away"), std::string::npos) << status.message();
}

TEST(Restore, PanesOfAGroupThatIsNotStoredAreRefused) {
  for (const char* threshold : {"1", "1000"}) {
    const std::string rules =
        fmt::format("groups: [{{name: g, interval: 1s, rules: [{{alert: A, expr: 'count[5s] > {}', by: [region]}}]}}]", threshold);
    expect_damage(restart_after(keys::groups(0), {100, 200, 300, 2'000}, rules.c_str(), remove),
                  "rows of group 0 by (region), but not the group itself");
  }
}

// At the restart no tick of the rule has come yet, so no window has been put together.
TEST(Restore, PanesThatNoWindowHasReadYetAreRefusedToo) {
  const char* const rules = "groups: [{name: g, interval: 20s, rules: [{alert: A, expr: 'count[1m] > 1', by: [region]}]}]";
  expect_damage(restart_after(keys::groups(0), {100, 200, 300, 2'000}, rules, remove),
                "rows of group 0 by (region), but not the group itself");
}

TEST(Restore, AnAlertInstanceOfAGroupThatIsNotStoredIsRefused) {
  const char* const rules =
      "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'error_rate[2s] > 50%', by: [region], no_data: alert}]}]";
  expect_damage(restart_after(keys::groups(0), {100, 300, 20'000}, rules, remove), "alert instance of rule A for (eu)");
}

TEST(Restore, AGroupOfAnotherNumberOfLabelsIsRefused) {
  const auto widen = [](state::WriteBatch& batch, const state::Iterator& row) {
    v1::GroupRow group;
    group.add_values("eu");
    group.add_values("west");
    batch.put(std::string(row.key()), group.SerializeAsString());
  };
  expect_damage(restart_after(keys::groups(0), {100, 200, 300, 2'000}, kRestoreRules, widen), "2 values");
}

TEST(Restore, TwoGroupsOfTheSameLabelsAreRefused) {
  const auto repeat = [](state::WriteBatch& batch, const state::Iterator& row) {
    std::string key(row.key());
    key.back() = '\x07';
    batch.put(std::move(key), std::string(row.value()));
  };
  expect_damage(restart_after(keys::groups(0), {100, 200, 300, 2'000}, kRestoreRules, repeat), "another group");
}

// The alerts of a burst of region eu and of what follows, second by second, with a crash that loses the store after `crash_at` seconds.
std::vector<std::string> alerts_with_crash(const char* rules, int crash_at) {
  Engine engine(plan_of(rules));
  for (int second = 0; second < 30; ++second) {
    const int bursts = second == 2 || second == 6 ? 5 : 0;
    for (int i = 0; i < bursts; ++i) engine.feed(0, event_at(second * 1'000 + i, R"(,"region":"eu","latency_ms":20)"));
    engine.feed(0, event_at(second * 1'000 + 900, R"(,"region":"us","latency_ms":1)"));
    engine.run(3);
    if (second != crash_at) continue;
    engine.crash(true);
    engine.start();
  }
  engine.drain();
  return sorted_lines(engine.alerts());
}

void expect_the_same_after_any_crash(const char* rules) {
  const std::vector<std::string> expected = alerts_with_crash(rules, -1);
  ASSERT_THAT(expected, SizeIs(2));
  for (int crash_at = 0; crash_at < 30; ++crash_at) EXPECT_EQ(alerts_with_crash(rules, crash_at), expected) << crash_at;
}

TEST(Restore, RemembersTheCooldownOfAFiringInstance) {
  expect_the_same_after_any_crash(
      "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'count[1s] > 3', by: [region], cooldown: 20s}]}]");
}

TEST(Restore, KnowsThatAGroupHasExpired) {
  expect_the_same_after_any_crash(
      "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'avg[2s] > 10ms', by: [region], no_data: keep, group_retention: 5s}]}]");
}

// Found by the simulation (a group coordinator that answered from the past): what a worker read again was dropped when it came, and counted
// when the evaluation had to go back behind it.
TEST(Restore, AFrameThatRepeatedOffsetsIsDroppedWhenItIsReadAgainToo) {
  Engine engine(plan_of("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'count[5s] >= 1', by: [region]}]}]"));
  engine.feed(0, event_at(100, R"(,"region":"eu")"));
  engine.feed(0, event_at(900, R"(,"region":"eu")"));
  engine.run(5);
  ASSERT_TRUE(
      engine.log
          .append(
              {.topic = "partials", .partition = 0, .key = "", .value = engine.log.entries({"partials", 0}).front().value, .headers = {}})
          .ok());
  engine.run(5);
  for (int lives = 0; lives < 2; ++lives) {
    engine.crash();
    engine.start();
    engine.run(5);
  }
  engine.feed(0, event_at(4'000, R"(,"region":"us")"));
  engine.drain();
  const std::vector<v1::AlertEvent> alerts = engine.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts.front().value(), 2);
}

// A changelog of which so many hundredths of the records are left, while the workers live: the next commit notices, and so does whoever
// restores from it.
void expect_shortened_changelog_is_noticed(size_t percent) {
  SCOPED_TRACE(percent);
  Engine engine(plan_of(kRestoreRules));
  for (int64_t ms = 100; ms < 20'000; ms += 500) engine.feed(0, event_at(ms, R"(,"region":"eu")"));
  engine.drain();
  const std::vector<log::LogEntry> records = engine.log.entries({"changelog", 0});
  ASSERT_TRUE(engine.log.shorten({"changelog", 0}, records[records.size() * percent / 100].offset));
  engine.feed(0, event_at(40'000, R"(,"region":"us")"));
  const auto first_failure = [&engine] {
    Status status;
    for (int i = 0; i < 20 && status.ok(); ++i) status = engine.step();
    return status;
  };
  for (const bool restored : {false, true}) {
    const Status status = first_failure();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << restored;
    EXPECT_NE(status.message().find("is shorter than it was"), std::string::npos) << status.message();
    engine.crash(restored);
    engine.start();
  }
  EXPECT_EQ(first_failure().code(), StatusCode::kDataLoss);
}

TEST(Restore, NeedsAChangelogThatHasNotLostItsEnd) {
  for (const size_t percent : {0U, 50U, 99U}) expect_shortened_changelog_is_noticed(percent);
}

TEST(Restore, ThatFailedAndWasNotAskedForAgainIsOver) {
  const Clock clock = [] { return WallTime{kBaseMs}; };
  Engine engine(plan_of(kRestoreRules));
  const auto producer = engine.log.producer("other");
  InlineExecutor executor;
  std::atomic<uint8_t> cell{0};
  FlightRecorder recorder(&cell);
  Committer committer(*producer, executor, recorder, clock);
  EvaluateOptions options;
  options.changelog_topic = "changelog";
  EvaluateWorker worker(options, plan_of(kRestoreRules), *engine.leases, *engine.reader, committer, recorder, clock);
  log::MemoryConsumerOptions consume;
  consume.group = "other";
  consume.topics = {"partials"};
  const auto consumer = engine.log.consumer(std::move(consume), worker);
  worker.attach(*consumer);
  ASSERT_TRUE(worker.step({0}).ok());
  recorder.enter(FlightRecorder::Phase::kRestoring);
  ASSERT_TRUE(worker.step({0}).ok());
  EXPECT_EQ(recorder.phase(), FlightRecorder::Phase::kRunning);
}

// No event of the rule's selection comes, so nothing but its own timer brings about the tick at which `for` is over.
TEST(Restore, ForOfARuleWithoutGroupsRunsOn) {
  for (const bool crash : {false, true}) {
    SCOPED_TRACE(crash);
    Engine engine(plan_of("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'count{domain=\"x\"}[1s] < 1', for: 10s}]}]"));
    for (int64_t ms = 100; ms < 5'000; ms += 500) engine.feed(0, event_at(ms));
    engine.drain();
    if (crash) {
      engine.crash();
      engine.start();
    }
    engine.feed(0, event_at(30'000));
    engine.drain();
    const std::vector<v1::AlertEvent> alerts = engine.alerts();
    ASSERT_THAT(alerts, SizeIs(1));
    EXPECT_EQ(alerts[0].starts_at(), format_rfc3339(kBaseMs + 11'000));
  }
}

}  // namespace
}  // namespace tocsin
