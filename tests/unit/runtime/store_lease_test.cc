#include "engine/runtime/store_lease.h"

#include <gtest/gtest.h>

#include "engine/runtime/restore.h"
#include "state/changelog.h"
#include "state/key_codec.h"
#include "state/memory_store.h"

namespace tocsin {
namespace {

state::WriteBatch put(const std::string& key, const std::string& value) {
  state::WriteBatch batch;
  batch.put(key, value);
  return batch;
}

TEST(StoreLease, OfAPartitionOnlyTheNewestWrites) {
  state::MemoryStore store;
  StoreLeases leases(store);
  const StoreLease old = leases.take(3);
  ASSERT_TRUE(*old.write(put("k", "old")));
  const StoreLease current = leases.take(3);
  ASSERT_TRUE(*current.write(put("k", "new")));
  EXPECT_FALSE(*old.write(put("k", "late")));
  EXPECT_EQ(**store.get("k"), "new");
}

TEST(StoreLease, OfAnotherPartitionIsNotEnded) {
  state::MemoryStore store;
  StoreLeases leases(store);
  const StoreLease mine = leases.take(1);
  leases.take(2);
  EXPECT_TRUE(*mine.write(put("k", "v")));
}

// A changelog of one record, during whose reading another worker takes the partition.
class OvertakenReader final : public log::PartitionReader {
 public:
  explicit OvertakenReader(StoreLeases& leases) : leases_(leases) {}
  Result<std::pair<int64_t, int64_t>> bounds(const log::TopicPartition&) override { return std::pair<int64_t, int64_t>(0, 1); }
  Status read(const log::TopicPartition& partition, int64_t, int64_t, Visitor& visit) override {
    const state::WriteBatch batch = put(state::KeyWriter().u32(7).u8('g').take(), "stale");
    const state::ChangelogRecord encoded = state::encode(batch.operations.front());
    log::Record record;
    record.key = encoded.key;
    record.value = *encoded.value;
    leases_.take(partition.partition);
    return visit.record(record);
  }

 private:
  StoreLeases& leases_;
};

TEST(StoreLease, ARestoreThatIsOvertakenWritesNothing) {
  state::MemoryStore store;
  StoreLeases leases(store);
  OvertakenReader reader(leases);
  const StoreLease lease = leases.take(7);
  const auto report = catch_up({"changelog", 7}, reader, store, lease, WallTime{1'000'000}, {.tombstones_kept = Duration{1'000}});
  EXPECT_EQ(report.status().code(), StatusCode::kUnavailable) << report.status().message();
  const auto rows = store.scan("", "");
  EXPECT_FALSE(rows->valid()) << "a stale row was written";
}

}  // namespace
}  // namespace tocsin
