#pragma once

// Brings a partition of the state store up to the end of its changelog (DESIGN 5).
//
// The store keeps, beside each partition's data, how far into the changelog it has come; it may be behind (a crash), never ahead.
// What it lacks is read and written, in order. A store that was last written so long ago that tombstones may have been removed since,
// or whose place in the changelog is gone, is emptied and filled from the beginning.
//
// Thread:  any; blocks while it reads.
// Failure: of reader and store, passed on; kUnavailable if another worker of the process has taken the partition meanwhile.

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/log/log.h"
#include "engine/runtime/store_lease.h"
#include "state/store.h"

namespace tocsin {

struct ChangelogPosition {
  int64_t offset = 0;   // the next changelog record that the store lacks
  WallTime written_at;  // when the store was last written with all that the changelog had: in a restore, as of before it
};

// Key and value of the row that holds it. It is in the store only, never in the changelog.
std::string changelog_position_key(uint32_t partition);
std::string encode_changelog_position(const ChangelogPosition& position);

struct RestoreReport {
  int64_t changelog_begin = 0;
  int64_t changelog_end = 0;
  int64_t records_read = 0;
  bool rebuilt = false;  // from nothing
};

struct RestoreOptions {
  // For how long the changelog has tombstones, at least: its delete.retention.ms (engine/config/topics.cc), less what clocks may differ by.
  Duration tombstones_kept{23LL * 3600 * 1000};
  size_t batch_bytes = size_t{4} << 20;  // of keys and values, for each write to the store
};

// kDataLoss if the changelog lacks its beginning and the store needs it, or if it has lost its end.
Result<RestoreReport> catch_up(const log::TopicPartition& changelog, log::PartitionReader& reader, const state::Store& store,
                               const StoreLease& lease, WallTime now, const RestoreOptions& options);

}  // namespace tocsin
