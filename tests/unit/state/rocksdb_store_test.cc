#include "state/rocksdb/rocksdb_store.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(RocksDbStore, ClosingKeepsEverything) {
  const TemporaryDirectory directory;
  {
    auto store = RocksDbStore::open({.path = directory.path() / "made" / "on" / "the" / "way"});
    ASSERT_TRUE(store.ok()) << store.status().message();
    WriteBatch batch;
    batch.put("a", "1");
    ASSERT_TRUE((*store)->write(batch).ok());
  }
  auto store = RocksDbStore::open({.path = directory.path() / "made" / "on" / "the" / "way"});
  ASSERT_TRUE(store.ok()) << store.status().message();
  EXPECT_EQ(read_all(**store), (Content{{"a", "1"}}));
}

TEST(RocksDbStore, ASecondStoreOfTheSameProcessIsRefused) {
  const TemporaryDirectory directory;
  const auto first = RocksDbStore::open({.path = directory.path()});
  ASSERT_TRUE(first.ok());
  const auto second = RocksDbStore::open({.path = directory.path()});
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find("already open in this process"), std::string::npos) << second.status().message();
}

TEST(RocksDbStore, AClosedDirectoryCanBeOpenedAgainAtOnce) {
  const TemporaryDirectory directory;
  auto first = RocksDbStore::open({.path = directory.path()});
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->close().ok());
  EXPECT_TRUE(RocksDbStore::open({.path = directory.path()}).ok());
}

TEST(RocksDbStore, ADirectoryThatCannotBeMadeIsTheUsersToMend) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "file") << "no directory";
  const auto store = RocksDbStore::open({.path = directory.path() / "file" / "state"});
  EXPECT_EQ(store.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(store.status().message().find("state.path"), std::string::npos) << store.status().message();
}

TEST(RocksDbStore, ADirectoryWithoutWriteAccessIsTheUsersToMend) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const auto store = RocksDbStore::open({.path = directory.path()});
  EXPECT_EQ(store.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(store.status().message().find("write access"), std::string::npos) << store.status().message();
}

TEST(RocksDbStore, ABudgetThatIsTooSmallIsRefused) {
  const TemporaryDirectory directory;
  EXPECT_EQ(RocksDbStore::open({.path = directory.path(), .memory_bytes = 1000}).status().code(), StatusCode::kInvalidArgument);
}

// Fills a store with rows that do not compress and reads them back, noting the most memory it said it used.
class Load {
 public:
  explicit Load(RocksDbStore& store) : store_(store) {}

  void write(uint64_t rows) {
    for (uint64_t row = 0; row < rows; row += 100) {
      WriteBatch batch;
      for (uint64_t i = row; i < row + 100; ++i) batch.put(key(i), value(i));
      ASSERT_TRUE(store_.write(batch).ok());
      sample();
    }
  }
  void read_at_random(uint64_t rows, int times) {
    std::mt19937_64 random(3);
    for (int i = 0; i < times; ++i) {
      const uint64_t row = random() % rows;
      ASSERT_EQ(*store_.get(key(row)), value(row));
      if (i % 16 == 0) sample();
    }
  }
  void read_in_order(uint64_t rows) {
    uint64_t count = 0;
    const auto walk = store_.scan("", "");
    for (; walk->valid(); walk->next()) {
      if (++count % 100 == 0) sample();
    }
    EXPECT_TRUE(walk->status().ok());
    EXPECT_EQ(count, rows);
  }
  uint64_t memory_max() const { return memory_max_; }

 private:
  // Scrambled, so that the rows come in no order.
  static std::string key(uint64_t row) { return fmt::format("{:016x}", row * 0x9e3779b97f4a7c15ULL); }
  static std::string value(uint64_t row) {
    std::minstd_rand random(static_cast<uint32_t>(row) + 1);
    std::string bytes(1000, ' ');
    for (size_t i = 0; i < bytes.size(); i += 2) {
      const auto two = random() >> 8;
      bytes[i] = static_cast<char>(two);
      bytes[i + 1] = static_cast<char>(two >> 8);
    }
    return bytes;
  }
  void sample() {
    const RocksDbStatistics statistics = store_.statistics();
    memory_max_ = std::max(memory_max_, statistics.memtable_bytes + statistics.block_cache_bytes);
  }

  RocksDbStore& store_;
  uint64_t memory_max_ = 0;
};

TEST(RocksDbStore, TwentyTimesItsMemoryOfDataStaysWithinItsMemory) {
  constexpr size_t kBudget = 4 * kMiB;
  constexpr uint64_t kRows = 20 * kBudget / 1000 / 100 * 100;
  const TemporaryDirectory directory;
  auto store = RocksDbStore::open({.path = directory.path(), .memory_bytes = kBudget});
  ASSERT_TRUE(store.ok()) << store.status().message();
  Load load(**store);
  load.write(kRows);
  load.read_at_random(kRows, 10'000);
  load.read_in_order(kRows);
  load.write(kRows / 4);  // memtables beside a cache that is full
  RecordProperty("memory_max", std::to_string(load.memory_max()));
  EXPECT_LE(load.memory_max(), kBudget * 11 / 10);
  EXPECT_GE(load.memory_max(), kBudget / 2) << "the budget is not used";
  const RocksDbStatistics statistics = (*store)->statistics();
  EXPECT_EQ(statistics.memory_budget_bytes, kBudget);
  EXPECT_GE(statistics.sst_bytes, 18 * kBudget);
  EXPECT_GT(statistics.live_data_bytes_estimate, 0u);  // how good it is depends on what compaction has got to
  EXPECT_EQ(statistics.background_errors, 0u);
  EXPECT_FALSE(statistics.writes_stopped);
}

TEST(RocksDbStore, FlushEmptiesTheMemtablesIntoFiles) {
  const TemporaryDirectory directory;
  auto store = RocksDbStore::open({.path = directory.path()});
  ASSERT_TRUE(store.ok());
  Load(**store).write(1000);
  EXPECT_GE((*store)->statistics().memtable_bytes, 1'000'000u);
  EXPECT_EQ((*store)->statistics().sst_bytes, 0u);
  ASSERT_TRUE((*store)->flush().ok());
  EXPECT_LE((*store)->statistics().memtable_bytes, 200'000u);
  EXPECT_GE((*store)->statistics().sst_bytes, 1'000'000u);
}

}  // namespace
}  // namespace tocsin::state
