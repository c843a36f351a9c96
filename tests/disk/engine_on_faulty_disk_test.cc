// Both workers with a RocksDB on a disk that loses what was not synced: after each crash they go on from what is left of the store and
// from the changelog, and the alert log is that of a run that nothing disturbed.

#include <gtest/gtest.h>

#include "state/rocksdb/rocksdb_store.h"
#include "tests/disk/faulty_disk.h"
#include "tests/disk/seeds.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin::disk {
namespace {

constexpr const char* kRules = R"(
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
  - alert: Forgotten
    expr: count[2s] > 0
    by: [session_id]
    group_retention: 5s
)";

Result<std::unique_ptr<state::RocksDbStore>> open(rocksdb::Env& env) {
  state::RocksDbOptions options;
  options.path = "/state";
  options.memory_bytes = state::RocksDbOptions::kMemoryBytesMin;
  options.memtable_bytes = 64 << 10;
  options.env = &env;
  return state::RocksDbStore::open(options);
}

// Forty seconds of telemetry, in the order of its time but for some late events.
std::vector<std::string> telemetry(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> messages;
  for (int64_t now = 0; now < 40'000; now += static_cast<int64_t>(random() % 250)) {
    const bool bad = now > 12'000 && now < 25'000;
    const int64_t at = random() % 10 == 0 ? now - static_cast<int64_t>(random() % 6'000) : now;
    messages.push_back(event_at(
        at, fmt::format(R"(,"region":"{}","success":{},"latency_ms":{},"session_id":"s{}")", random() % 3 == 0 ? "us" : "eu",
                        random() % 100 >= (bad ? 60U : 8U) ? "true" : "false", 10 * (1 + random() % (bad ? 40 : 15)), random() % 5)));
  }
  messages.push_back(event_at(70'000, R"(,"region":"end")"));
  return messages;
}

std::vector<std::string> undisturbed(const std::shared_ptr<const Plan>& plan, uint64_t seed) {
  Engine engine(plan);
  for (const std::string& message : telemetry(seed)) engine.feed(0, message);
  engine.drain();
  return sorted_lines(engine.alerts());
}

struct Crashes {
  uint64_t all = 0;
  uint64_t of_the_disk = 0;  // a write failed, and the process ended
  uint64_t damaged = 0;      // the directory had to be moved away
};

class CrashingEngine {
 public:
  CrashingEngine(std::shared_ptr<const Plan> plan, uint64_t seed) : random_(seed + 1), engine_(std::move(plan)) {
    engine_.crash();
    replace_disk();
    engine_.store = std::move(open(*env_)).value();
    engine_.start();
  }
  // Workers before the store, and the store before its disk.
  ~CrashingEngine() {
    engine_.crash();
    engine_.store.reset();
  }

  std::vector<std::string> run(const std::vector<std::string>& messages, Crashes& crashes) {
    for (const std::string& message : messages) {
      engine_.feed(0, message);
      if (random_() % 40 == 0) {
        disk_->fail_writes_after(static_cast<int64_t>(random_() % 20), random_() % 2 == 0 ? WriteError::kIo : WriteError::kNoSpace);
      }
      if (random_() % 50 == 0) disk_->pull_plug(static_cast<int64_t>(random_() % 20));
      if (random_() % 12 == 0 && !engine_.store->flush().ok()) {
        crash(crashes, true);
      } else if (const Status status = engine_.step(); !status.ok()) {
        EXPECT_NE(status.message().find("directory /state"), std::string::npos) << status.message();
        crash(crashes, true);
      } else if (random_() % 25 == 0) {
        crash(crashes, false);
      }
    }
    disk_->heal();
    crash(crashes, false);
    engine_.drain();
    return sorted_lines(engine_.alerts());
  }

 private:
  void crash(Crashes& crashes, bool of_the_disk) {
    ++crashes.all;
    if (of_the_disk) ++crashes.of_the_disk;
    disk_->pull_plug();
    engine_.crash();
    engine_.store.reset();
    disk_->power_on();
    auto store = open(*env_);
    if (!store.ok()) {
      // As the message says: move the directory away and start again.
      EXPECT_EQ(store.status().code(), StatusCode::kDataLoss);
      ++crashes.damaged;
      replace_disk();
      store = open(*env_);
    }
    engine_.store = std::move(store).value();
    engine_.start();
  }
  void replace_disk() {
    env_.reset();
    disk_ = std::make_shared<FaultyDisk>(random_(), Manner{.holes = random_() % 2 == 0});
    env_ = make_env(disk_);
  }

  std::mt19937_64 random_;
  std::shared_ptr<FaultyDisk> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  Engine engine_;
};

TEST(EngineOnFaultyDisk, CrashesOfTheMachineLeaveTheAlertLogAsItIs) {
  const std::shared_ptr<const Plan> plan = plan_of(kRules);
  const Seeds asked = seeds(20);
  Crashes crashes;
  for (uint64_t seed = asked.from; seed < asked.from + asked.count; ++seed) {
    SCOPED_TRACE(reproduction(seed, "EngineOnFaultyDisk.CrashesOfTheMachineLeaveTheAlertLogAsItIs"));
    const std::vector<std::string> expected = undisturbed(plan, seed);
    ASSERT_GT(expected.size(), 5U);
    CrashingEngine engine(plan, seed);
    ASSERT_EQ(engine.run(telemetry(seed), crashes), expected);
  }
  fmt::print("{} seeds: {} crashes, {} of them since a write failed, {} with damaged files\n", asked.count, crashes.all,
             crashes.of_the_disk, crashes.damaged);
  if (asked.count < 20) return;
  EXPECT_GT(std::min(crashes.of_the_disk, crashes.all - crashes.of_the_disk), 0U);
}

}  // namespace
}  // namespace tocsin::disk
