// What every store does alike: the map, RocksDB, and an overlay whose writes lie partly open, partly sealed, partly in its base.

#include "state/store.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "state/memory_store.h"
#include "state/overlay.h"
#include "state/rocksdb/rocksdb_store.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

// Shows an overlay as a Store. Every other batch is sealed, and of four sealed generations the oldest goes to the base.
class OverlayAsStore : public Store {
 public:
  explicit OverlayAsStore(std::unique_ptr<Store> base) : base_(std::move(base)), overlay_(*base_) {}

  Result<std::optional<std::string>> get(std::string_view key) const override { return overlay_.get(key); }
  std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const override { return overlay_.scan(from, to); }
  Status write(const WriteBatch& batch) override {
    for (const auto& operation : batch.operations) {
      if (operation.kind == WriteBatch::Kind::kPut) overlay_.put(operation.key, operation.value);
      if (operation.kind == WriteBatch::Kind::kDelete) overlay_.remove(operation.key);
      if (operation.kind == WriteBatch::Kind::kDeleteRange) TOCSIN_RETURN_IF_ERROR(overlay_.remove_range(operation.key, operation.value));
    }
    return {};
  }
  Status flush() override { return base_->flush(); }

  // Between the steps of a test: no walk is alive.
  void move_on() {
    if (++moves_ % 2 == 0) batches_.push_back(overlay_.seal());
    if (batches_.size() < 4) return;
    ASSERT_TRUE(base_->write(*batches_.front()).ok());
    overlay_.release_oldest();
    batches_.erase(batches_.begin());
  }

 private:
  std::unique_ptr<Store> base_;
  Overlay overlay_;
  std::vector<std::shared_ptr<const WriteBatch>> batches_;
  int moves_ = 0;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Store>(const std::string& directory)> make;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

std::unique_ptr<Store> make_memory(const std::string&) { return std::make_unique<MemoryStore>(); }

std::unique_ptr<Store> make_rocksdb(const std::string& directory) {
  auto store = RocksDbStore::open({.path = directory, .memory_bytes = RocksDbOptions::kMemoryBytesMin});
  TOCSIN_CHECK(store.ok(), store.status().message());
  return std::move(store).value();
}

class StoreTest : public testing::TestWithParam<Kind> {
 protected:
  void write(const WriteBatch& batch) {
    ASSERT_TRUE(store_->write(batch).ok());
    move_on();
  }
  void move_on() {
    if (auto* overlay = dynamic_cast<OverlayAsStore*>(store_.get())) overlay->move_on();
  }
  void put_all(const Content& content) {
    for (const auto& [key, value] : content) {
      WriteBatch batch;
      batch.put(key, value);
      write(batch);
    }
  }
  std::optional<std::string> get(std::string_view key) { return store_->get(key).value(); }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_ = GetParam().make(directory_.path() / "state");
};

const std::string kZero(1, '\0');

TEST_P(StoreTest, AnEmptyStoreHasNothing) {
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(read_all(*store_), Content());
}

TEST_P(StoreTest, WhatIsPutIsRead) {
  put_all({{"a", "1"}, {"b", ""}, {std::string("c\0d", 3), std::string("\0\xff", 2)}, {"", "of the empty key"}});
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "");
  EXPECT_EQ(get(std::string_view("c\0d", 3)), std::string("\0\xff", 2));
  EXPECT_EQ(get(""), "of the empty key");
  EXPECT_EQ(get("c"), std::nullopt);
}

TEST_P(StoreTest, TheLastPutWins) {
  for (int i = 0; i < 20; ++i) put_all({{"a", std::to_string(i)}});
  EXPECT_EQ(get("a"), "19");
  EXPECT_EQ(read_all(*store_), (Content{{"a", "19"}}));
}

TEST_P(StoreTest, KeysComeInTheOrderOfTheirUnsignedBytes) {
  put_all({{"\xff", "5"}, {"a", "3"}, {"\x80", "4"}, {"", "1"}, {kZero, "2"}});
  std::string values;
  for (auto walk = store_->scan("", ""); walk->valid(); walk->next()) values += walk->value();
  EXPECT_EQ(values, "12345");
}

TEST_P(StoreTest, AScanIncludesItsStartAndExcludesItsEnd) {
  put_all({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"c" + kZero, "4"}});
  EXPECT_EQ(read_all(*store_, "a", "c"), (Content{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(read_all(*store_, "b", ""), (Content{{"b", "2"}, {"c", "3"}, {"c" + kZero, "4"}}));
  EXPECT_EQ(read_all(*store_, "a" + kZero, "c" + kZero), (Content{{"b", "2"}, {"c", "3"}}));
}

TEST_P(StoreTest, AScanThatEndsBeforeItsStartGivesNothing) {
  put_all({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  EXPECT_EQ(read_all(*store_, "b", "b"), Content());
  EXPECT_EQ(read_all(*store_, "c", "a"), Content());
  EXPECT_EQ(read_all(*store_, "x", "y"), Content());
}

TEST_P(StoreTest, RemovedKeysAreGone) {
  put_all({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  WriteBatch batch;
  batch.remove("b");
  batch.remove("never there");
  write(batch);
  EXPECT_EQ(get("b"), std::nullopt);
  EXPECT_EQ(read_all(*store_), (Content{{"a", "1"}, {"c", "3"}}));
}

TEST_P(StoreTest, ARangeRemovalTakesItsStartAndLeavesItsEnd) {
  put_all({{"a", "1"}, {"b", "2"}, {"b2", "3"}, {"c", "4"}});
  WriteBatch batch;
  batch.remove_range("b", "c");
  write(batch);
  EXPECT_EQ(read_all(*store_), (Content{{"a", "1"}, {"c", "4"}}));
}

TEST_P(StoreTest, ARangeRemovalThatEndsBeforeItsStartRemovesNothing) {
  put_all({{"a", "1"}, {"b", "2"}});
  WriteBatch batch;
  batch.remove_range("b", "a");
  batch.remove_range("a", "a");
  write(batch);
  EXPECT_EQ(read_all(*store_), (Content{{"a", "1"}, {"b", "2"}}));
}

TEST_P(StoreTest, TheOperationsOfABatchTakeEffectInOrder) {
  put_all({{"a", "1"}});
  WriteBatch batch;
  batch.put("b", "gone");
  batch.remove_range("a", "c");
  batch.put("a", "new");
  batch.put("c", "3");
  batch.remove("c");
  write(batch);
  EXPECT_EQ(read_all(*store_), (Content{{"a", "new"}}));
}

TEST_P(StoreTest, AnIteratorDoesNotSeeLaterWrites) {
  put_all({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  {
    const auto walk = store_->scan("a", "");
    WriteBatch batch;
    batch.put("aa", "new");
    batch.put("b", "changed");
    batch.remove("c");
    batch.remove_range("d", "e");
    ASSERT_TRUE(store_->write(batch).ok());
    Content seen;
    for (; walk->valid(); walk->next()) seen.emplace(walk->key(), walk->value());
    EXPECT_EQ(seen, (Content{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}));
    EXPECT_TRUE(walk->status().ok());
  }
  EXPECT_EQ(read_all(*store_), (Content{{"a", "1"}, {"aa", "new"}, {"b", "changed"}}));
}

TEST_P(StoreTest, LargeValuesStayWhole) {
  put_all({{"a", std::string(1'000'000, 'x')}, {"b", std::string(300'000, 'y')}});
  EXPECT_TRUE(store_->flush().ok());
  EXPECT_EQ(get("a"), std::string(1'000'000, 'x'));
  EXPECT_EQ(get("b"), std::string(300'000, 'y'));
}

TEST_P(StoreTest, AgreesWithAMapUnderRandomBatches) {
  std::mt19937_64 random(21);
  Content model;
  const auto key = [&] { return "k" + std::to_string(random() % 60); };
  for (int round = 0; round < 400; ++round) {
    WriteBatch batch;
    for (uint64_t i = random() % 12; i > 0; --i) {
      const std::string from = key();
      switch (random() % 8) {
        case 0: {
          const std::string to = key();
          batch.remove_range(from, to);
          if (from < to) model.erase(model.lower_bound(from), model.lower_bound(to));
          break;
        }
        case 1:
        case 2:
          batch.remove(from);
          model.erase(from);
          break;
        default: batch.put(from, std::to_string(random())); model[from] = batch.operations.back().value;
      }
    }
    write(batch);
    if (round % 50 == 0) {
      ASSERT_TRUE(store_->flush().ok());
    }
    ASSERT_EQ(read_all(*store_), model);
    const std::string at = key();
    ASSERT_EQ(get(at), model.contains(at) ? std::optional(model[at]) : std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, StoreTest,
    testing::Values(Kind{"Memory", make_memory}, Kind{"RocksDb", make_rocksdb},
                    Kind{"OverlayOverMemory", [](const auto& path) { return std::make_unique<OverlayAsStore>(make_memory(path)); }},
                    Kind{"OverlayOverRocksDb", [](const auto& path) { return std::make_unique<OverlayAsStore>(make_rocksdb(path)); }}),
    [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace tocsin::state
