#include "state/changelog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "state/memory_store.h"
#include "state/overlay.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

struct StoredRecord {
  std::string key;
  std::optional<std::string> value;
};

// What log compaction leaves: of each key the last record, in the old order.
std::vector<StoredRecord> compact(const std::vector<StoredRecord>& log) {
  std::map<std::string, size_t> last;
  for (size_t i = 0; i < log.size(); ++i) last[log[i].key] = i;
  std::vector<StoredRecord> compacted;
  for (size_t i = 0; i < log.size(); ++i) {
    if (last[log[i].key] == i) compacted.push_back(log[i]);
  }
  return compacted;
}

Content replay(const std::vector<StoredRecord>& log) {
  MemoryStore store;
  for (const StoredRecord& record : log) {
    auto operation = decode({record.key, record.value});
    EXPECT_TRUE(operation.ok());
    EXPECT_TRUE(store.write({{*operation}}).ok());
  }
  return read_all(store);
}

TEST(Changelog, AnEmptyValueIsNoTombstone) {
  WriteBatch batch;
  batch.put("k", "");
  batch.remove("k");
  EXPECT_TRUE(encode(batch.operations[0]).value.has_value());
  EXPECT_FALSE(encode(batch.operations[1]).value.has_value());
  EXPECT_EQ(decode({"k", std::string_view()})->kind, WriteBatch::Kind::kPut);
  EXPECT_EQ(decode({"k", std::nullopt})->kind, WriteBatch::Kind::kDelete);
}

TEST(Changelog, ARecordWithoutAKeyIsDataLoss) { EXPECT_EQ(decode({"", "v"}).status().code(), StatusCode::kDataLoss); }

TEST(ChangelogDeathTest, ARangeDeleteIsNotWritten) {
  WriteBatch batch;
  batch.remove_range("a", "b");
  EXPECT_DEATH(encode(batch.operations[0]), "range delete");
}

TEST(Changelog, ReplayAfterCompactionGivesTheStoreAndNoDeletedKeyKeepsItsValue) {
  std::mt19937_64 random(5);
  MemoryStore store;
  Overlay overlay(store);
  std::vector<StoredRecord> log;
  for (int transaction = 0; transaction < 300; ++transaction) {
    for (int i = 0; i < 10; ++i) overlay.put("k" + std::to_string(random() % 200), std::to_string(random()));
    overlay.remove("k" + std::to_string(random() % 200));
    if (transaction % 5 == 0) {
      const std::string from = "k" + std::to_string(random() % 200);
      ASSERT_TRUE(overlay.remove_range(from, from + "~").ok());
    }
    const auto batch = overlay.seal();
    for (const auto& operation : batch->operations) {
      const ChangelogRecord record = encode(operation);
      log.push_back({std::string(record.key), record.value ? std::optional<std::string>(*record.value) : std::nullopt});
    }
    ASSERT_TRUE(store.write(*batch).ok());
    overlay.release_oldest();
  }
  const Content content = read_all(store);
  const auto compacted = compact(log);
  EXPECT_EQ(replay(log), content);
  EXPECT_EQ(replay(compacted), content);
  const auto has_value = [](const StoredRecord& record) { return record.value.has_value(); };
  const auto with_value = std::count_if(compacted.begin(), compacted.end(), has_value);
  EXPECT_EQ(static_cast<size_t>(with_value), content.size());
}

}  // namespace
}  // namespace tocsin::state
