// What RocksDbStore holds after a crash, on a disk that loses what was not synced: the first n batches, n at least what it was at the last
// flush() that succeeded, and never a part of one.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "engine/runtime/restore.h"
#include "operators/keys.h"
#include "state/rocksdb/rocksdb_store.h"
#include "tests/disk/faulty_disk.h"
#include "tests/disk/seeds.h"

namespace tocsin::disk {
namespace {

using Contents = std::map<std::string, std::string>;

constexpr uint32_t kPartition = 3;
constexpr uint64_t kKeys = 60;

// Batch `number` as the evaluator makes them: rows put and deleted, now and then the range of a pane, and the changelog position.
state::WriteBatch batch_of(std::mt19937_64& random, int64_t number) {
  state::WriteBatch batch;
  for (uint64_t i = 1 + random() % 6; i > 0; --i) {
    batch.put(keys::group(kPartition, 1, random() % kKeys), fmt::format("{}.{} {}", number, i, std::string(random() % 900, 'v')));
  }
  if (random() % 2 == 0) batch.remove(keys::group(kPartition, 1, random() % kKeys));
  if (random() % 12 == 0) {
    const uint64_t from = random() % kKeys;
    batch.remove_range(keys::group(kPartition, 1, from), keys::group(kPartition, 1, from + 1 + random() % 10));
  }
  batch.put(changelog_position_key(kPartition), encode_changelog_position({number, WallTime{number}}));
  return batch;
}

void apply(const state::WriteBatch& batch, Contents& contents) {
  for (const auto& [kind, key, value] : batch.operations) {
    switch (kind) {
      case state::WriteBatch::Kind::kPut: contents[key] = value; break;
      case state::WriteBatch::Kind::kDelete: contents.erase(key); break;
      case state::WriteBatch::Kind::kDeleteRange: contents.erase(contents.lower_bound(key), contents.lower_bound(value)); break;
    }
  }
}

struct Opened {
  Status status;
  std::unique_ptr<state::RocksDbStore> store;
};

Opened open_store(rocksdb::Env& env) {
  state::RocksDbOptions options;
  options.path = "/state";
  options.memory_bytes = state::RocksDbOptions::kMemoryBytesMin;
  options.memtable_bytes = 64 << 10;
  options.env = &env;
  auto store = state::RocksDbStore::open(options);
  if (!store.ok()) return {store.status(), nullptr};
  return {{}, std::move(store).value()};
}

// What the store holds, or why it cannot be read.
Result<Contents> contents_of(const state::Store& store) {
  Contents contents;
  const auto rows = store.scan("", "");
  for (; rows->valid(); rows->next()) contents.emplace(rows->key(), rows->value());
  TOCSIN_RETURN_IF_ERROR(rows->status());
  return contents;
}

struct Outcome {
  uint64_t crashes = 0;
  uint64_t batches_lost = 0;
  uint64_t failed_writes = 0;
  uint64_t damaged = 0;  // kDataLoss, at open or at the first read
};

// One disk's life: the batches so far, and what they make.
class Life {
 public:
  Life(uint64_t seed, const Manner& manner)
      : random_(seed), manner_(manner), disk_(std::make_shared<FaultyDisk>(seed + 1, manner)), env_(make_env(disk_)) {
    history_.emplace_back();
  }

  void run() {
    for (int crash = 0; crash < 3 && !testing::Test::HasFatalFailure(); ++crash) {
      if (!begin()) return;
      work();
      disk_->pull_plug();
      store_.reset();
      disk_->power_on();
      ++outcome.crashes;
    }
    begin();
    store_.reset();
  }

  Outcome outcome;
  FaultCounts faults() const { return disk_->counts(); }

 private:
  // Opens the store and looks what it holds. False if there is nothing to go on with.
  bool begin() {
    auto [status, store] = open_store(*env_);
    const Result<Contents> held = store != nullptr ? contents_of(*store) : Result<Contents>(status);
    if (!held.ok()) {
      EXPECT_EQ(held.status().code(), StatusCode::kDataLoss) << held.status().message();
      EXPECT_NE(held.status().message().find("the state is rebuilt from the changelog"), std::string::npos) << held.status().message();
      // A disk that only loses what was not synced damages nothing.
      EXPECT_TRUE(manner_.skipped_syncs > 0 || faults().files_with_holes > 0 || faults().bits_turned > 0) << held.status().message();
      ++outcome.damaged;
      return false;
    }
    const auto position = held->find(changelog_position_key(kPartition));
    size_t batches = 0;
    while (batches < history_.size() && !(history_[batches] == *held)) ++batches;
    if (batches == history_.size()) {
      ADD_FAILURE() << "the store holds what no prefix of the batches makes; its position row is of batch "
                    << (position == held->end() ? 0 : state::KeyReader(position->second).i64());
      return false;
    }
    EXPECT_TRUE(manner_.skipped_syncs > 0 || faults().bits_turned > 0 || batches >= flushed_)
        << "batches are gone that a flush had made durable";
    outcome.batches_lost += history_.size() - 1 - batches;
    history_.resize(batches + 1);
    flushed_ = std::min(flushed_, batches);
    store_ = std::move(store);
    return true;
  }

  // Writes and flushes, until the disk fails or the plug is pulled.
  void work() {
    const uint64_t fate = random_() % 3;
    if (fate == 0) disk_->pull_plug(static_cast<int64_t>(random_() % 80));
    if (fate == 1) {
      disk_->fail_writes_after(static_cast<int64_t>(random_() % 60), random_() % 2 == 0 ? WriteError::kIo : WriteError::kNoSpace);
    }
    for (uint64_t batches = 20 + random_() % 120; batches > 0; --batches) {
      const auto number = static_cast<int64_t>(history_.size());
      const state::WriteBatch batch = batch_of(random_, number);
      if (!store_->write(batch).ok()) {
        ++outcome.failed_writes;
        return;  // the process ends (docs/operations.md)
      }
      Contents next = history_.back();
      apply(batch, next);
      history_.push_back(std::move(next));
      if (random_() % 25 != 0) continue;
      if (store_->flush().ok()) {
        flushed_ = history_.size() - 1;
      } else {
        ++outcome.failed_writes;
        return;
      }
    }
  }

  std::mt19937_64 random_;
  const Manner manner_;
  std::shared_ptr<FaultyDisk> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<state::RocksDbStore> store_;
  std::vector<Contents> history_;  // after so many batches
  size_t flushed_ = 0;
};

void add(const Life& life, Outcome& outcome, FaultCounts& faults) {
  outcome.crashes += life.outcome.crashes;
  outcome.batches_lost += life.outcome.batches_lost;
  outcome.failed_writes += life.outcome.failed_writes;
  outcome.damaged += life.outcome.damaged;
  const FaultCounts more = life.faults();
  faults.files_torn += more.files_torn;
  faults.files_cut += more.files_cut;
  faults.files_with_holes += more.files_with_holes;
  faults.files_kept += more.files_kept;
  faults.names_lost += more.names_lost;
  faults.syncs_skipped += more.syncs_skipped;
  faults.bits_turned += more.bits_turned;
  faults.writes_failed += more.writes_failed;
}

std::string text_of(const Outcome& outcome, const FaultCounts& faults) {
  return fmt::format(
      "crashes {}, batches lost {}, stores ended by a failed write {}, damaged {}; files torn {}, cut {}, with holes {}, kept {}, names "
      "lost {}, syncs skipped {}, bits turned {}, writes failed {}",
      outcome.crashes, outcome.batches_lost, outcome.failed_writes, outcome.damaged, faults.files_torn, faults.files_cut,
      faults.files_with_holes, faults.files_kept, faults.names_lost, faults.syncs_skipped, faults.bits_turned, faults.writes_failed);
}

void run_lives(uint64_t count, const Manner& manner, const std::string& test, Outcome& outcome, FaultCounts& faults) {
  const Seeds asked = seeds(count);
  for (uint64_t seed = asked.from; seed < asked.from + asked.count; ++seed) {
    SCOPED_TRACE(reproduction(seed, "StoreOnFaultyDisk." + test));
    Life life(seed, manner);
    life.run();
    if (testing::Test::HasFailure()) return;
    add(life, outcome, faults);
  }
  fmt::print("{} seeds: {}\n", asked.count, text_of(outcome, faults));
}

// Seeds enough that each kind of fault has to strike.
bool many_seeds() { return seeds(200).count >= 200; }

TEST(StoreOnFaultyDisk, HoldsAPrefixOfTheBatchesWithAllThatWasFlushed) {
  Outcome outcome;
  FaultCounts faults;
  run_lives(300, {}, "HoldsAPrefixOfTheBatchesWithAllThatWasFlushed", outcome, faults);
  EXPECT_EQ(outcome.damaged, 0U);
  if (!many_seeds()) return;
  EXPECT_GT(std::min({faults.files_torn, faults.files_cut, faults.files_kept, faults.names_lost}), 0U);
  EXPECT_GT(std::min({outcome.batches_lost, outcome.failed_writes, faults.writes_failed}), 0U);
}

// RocksDB takes a block of zeros in its manifest for damage, also in what it had not synced.
TEST(StoreOnFaultyDisk, WithHolesHoldsAPrefixWithAllThatWasFlushedOrSaysThatItIsDamaged) {
  Outcome outcome;
  FaultCounts faults;
  run_lives(200, {.holes = true}, "WithHolesHoldsAPrefixWithAllThatWasFlushedOrSaysThatItIsDamaged", outcome, faults);
  if (!many_seeds()) return;
  EXPECT_GT(faults.files_with_holes, 0U);
}

TEST(StoreOnFaultyDisk, ThatLiesAboutSyncsHoldsAPrefixOrSaysThatItIsDamaged) {
  Outcome outcome;
  FaultCounts faults;
  run_lives(200, {.skipped_syncs = 30}, "ThatLiesAboutSyncsHoldsAPrefixOrSaysThatItIsDamaged", outcome, faults);
  if (!many_seeds()) return;
  EXPECT_GT(std::min(outcome.damaged, faults.syncs_skipped), 0U);
}

TEST(StoreOnFaultyDisk, ThatRotsHoldsAPrefixOrSaysThatItIsDamaged) {
  Outcome outcome;
  FaultCounts faults;
  run_lives(200, {.rotten_files = 10}, "ThatRotsHoldsAPrefixOrSaysThatItIsDamaged", outcome, faults);
  if (!many_seeds()) return;
  EXPECT_GT(std::min(outcome.damaged, faults.bits_turned), 0U);
}

}  // namespace
}  // namespace tocsin::disk
