#pragma once

// How a WriteBatch is written to the changelog topic, and read back from it: one record an operation, the store's key as the
// record's key, the store's value as its value, and a tombstone (no value; not the same as an empty one) for a delete.
//
// The topic is compacted: of each key the last record stays, in offset order. Replaying it therefore gives the same store from
// any point on, if every key that ever had a record and is no longer there has a tombstone of its own. A record that stood for a
// whole range would be replayed rightly, but the puts inside the range would stay in the topic for ever. So range deletes have
// no encoding: an Overlay turns each into deletes of the keys that exist, and batches with a range delete go to a store only
// (to drop a partition that is no longer ours, which the changelog must not follow).
//
// Tombstones themselves go after delete.retention.ms: a store that was last written longer ago than that must not be caught up
// from the changelog but rebuilt from nothing.
//
// Thread:  pure functions.
// Failure: decode gives kDataLoss for what encode never writes.

#include <optional>
#include <string_view>

#include "engine/base/status.h"
#include "state/store.h"

namespace tocsin::state {

// Views into what it was made from: an operation, or a consumed record.
struct ChangelogRecord {
  std::string_view key;
  std::optional<std::string_view> value;  // absent: a tombstone
};

// `operation` must be a put or a delete and have a key that is not empty (a compacted topic refuses records without one).
ChangelogRecord encode(const WriteBatch::Operation& operation);

Result<WriteBatch::Operation> decode(const ChangelogRecord& record);

}  // namespace tocsin::state
