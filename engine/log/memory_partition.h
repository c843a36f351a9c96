#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/log/log.h"

namespace tocsin::log {

// A record as MemoryLog keeps it: immutable, shared between the log and the batches that were read from it.
class StoredRecord {
 public:
  StoredRecord(int64_t offset, int64_t timestamp_ms, OutRecord record);

  int64_t offset() const { return offset_; }
  int64_t timestamp_ms() const { return timestamp_ms_; }
  const std::string& key() const { return key_; }
  bool has_value() const { return has_value_; }
  // kRecordPadding readable bytes follow.
  std::string_view value() const { return {padded_value_.data(), value_size_}; }
  const std::vector<Header>& headers() const { return headers_; }
  // The bytes it stands for when a batch is limited.
  size_t size() const { return key_.size() + value_size_; }
  // As a consumer sees it; the views live as long as this object.
  Record view(int32_t source, bool log_append_time) const;

 private:
  int64_t offset_;
  int64_t timestamp_ms_;
  std::string key_;
  std::string padded_value_;
  size_t value_size_;
  bool has_value_;
  std::vector<Header> headers_;
};

// Records that keep what a RecordBatch shows alive.
struct SharedRecords : RecordBatch::Storage {
  std::vector<std::shared_ptr<const StoredRecord>> records;
};

// One partition of MemoryLog: records in the order of their offsets, with gaps where control records and rolled back records lie. What is
// read committed ends where the first record of an open transaction lies.
//
// Thread:     guarded by MemoryBroker's mutex.
// Invariants: (1) start() <= offset of every record < end(); (2) offsets rise strictly; (3) start(), end() and readable_end() never
//             decrease but by retract(), and readable_end() <= end().
// Failure:    none.
class MemoryPartition {
 public:
  using Records = std::deque<std::shared_ptr<const StoredRecord>>;

  // Returns the record's offset. With `keep` false the record is counted and dropped, and start() follows end().
  int64_t append(OutRecord record, int64_t timestamp_ms, bool keep);
  // Offsets that hold no readable record.
  void append_gap(int64_t count);
  // A transaction that begins at `offset` is open, until release().
  void hold(int64_t offset) { held_.insert(offset); }
  void release(int64_t offset) { held_.erase(held_.find(offset)); }
  // Forgets all from `offset` on, as if it had never been: only what nobody can have seen.
  void retract(int64_t offset);
  // Makes gaps of these records, in rising order.
  void remove(const std::vector<int64_t>& offsets);
  // Drops what lies below `offset`; beyond end() it means end().
  void truncate(int64_t offset);
  // As a broker compacts: of each key the last readable record stays, and no tombstone older than `tombstones_since_ms`.
  void compact(int64_t tombstones_since_ms);

  // First offset that can be read.
  int64_t start() const { return start_; }
  // Offset of the next record to come.
  int64_t end() const { return end_; }
  // What comes before it can be read committed.
  int64_t readable_end() const { return held_.empty() ? end_ : *held_.begin(); }
  const Records& records() const { return records_; }
  // The first record at or after `offset`.
  Records::const_iterator find(int64_t offset) const;
  // The first record that cannot be read yet, or the end.
  Records::const_iterator unreadable() const { return held_.empty() ? records_.end() : find(readable_end()); }
  // `offset` moved past a gap that begins there: to the next record, or readable_end().
  int64_t past_gap(int64_t offset) const;
  // Offset of the first readable record stamped `timestamp_ms` or later, or readable_end().
  int64_t offset_at(int64_t timestamp_ms) const;

 private:
  int64_t start_ = 0;
  int64_t end_ = 0;
  std::multiset<int64_t> held_;  // first offsets of open transactions
  Records records_;
};

}  // namespace tocsin::log
