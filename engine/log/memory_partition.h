#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
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

// One partition of MemoryLog: records in the order of their offsets, with gaps where control records and rolled back records lie.
//
// Thread:     guarded by MemoryBroker's mutex.
// Invariants: (1) start() <= offset of every record < end(); (2) offsets rise strictly; (3) start() and end() never decrease.
// Failure:    none.
class MemoryPartition {
 public:
  using Records = std::deque<std::shared_ptr<const StoredRecord>>;

  // Returns the record's offset. With `keep` false the record is counted and dropped, and start() follows end().
  int64_t append(OutRecord record, int64_t timestamp_ms, bool keep);
  // Offsets that hold no readable record.
  void append_gap(int64_t count);
  // Drops what lies below `offset`; beyond end() it means end().
  void truncate(int64_t offset);

  // First offset that can be read.
  int64_t start() const { return start_; }
  // Offset of the next record to come.
  int64_t end() const { return end_; }
  const Records& records() const { return records_; }
  // The first record at or after `offset`.
  Records::const_iterator find(int64_t offset) const;
  // `offset` moved past a gap that begins there: to the next record, or end().
  int64_t past_gap(int64_t offset) const;
  // Offset of the first record stamped `timestamp_ms` or later, or end().
  int64_t offset_at(int64_t timestamp_ms) const;

 private:
  int64_t start_ = 0;
  int64_t end_ = 0;
  Records records_;
};

}  // namespace tocsin::log
