#include "engine/log/memory_partition.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/log/padding.h"

namespace tocsin::log {

StoredRecord::StoredRecord(int64_t offset, int64_t timestamp_ms, OutRecord record)
    : offset_(offset),
      timestamp_ms_(timestamp_ms),
      key_(std::move(record.key)),
      value_size_(record.value ? record.value->size() : 0),
      has_value_(record.value.has_value()),
      headers_(std::move(record.headers)) {
  if (record.value) padded_value_ = std::move(*record.value);
  padded_value_.resize(value_size_ + kRecordPadding);
}

Record StoredRecord::view(int32_t source, bool log_append_time) const {
  Record record{.source = source,
                .offset = offset_,
                .key = key_,
                .value = value(),
                .has_value = has_value_,
                .padded = true,
                .timestamp_ms = timestamp_ms_,
                .log_append_time = log_append_time,
                .content_type = {}};
  for (const Header& header : headers_) {
    if (header.name == "content-type") record.content_type = header.value;
  }
  return record;
}

int64_t MemoryPartition::append(OutRecord record, int64_t timestamp_ms, bool keep) {
  const int64_t offset = end_++;
  if (keep) {
    records_.push_back(std::make_shared<const StoredRecord>(offset, timestamp_ms, std::move(record)));
  } else {
    start_ = end_;
  }
  return offset;
}

// start() stays, also where nothing is kept: a consumer that stands at end() has lost nothing by a gap.
void MemoryPartition::append_gap(int64_t count) { end_ += count; }

void MemoryPartition::retract(int64_t offset) {
  while (!records_.empty() && records_.back()->offset() >= offset) records_.pop_back();
  end_ = offset;
  start_ = std::min(start_, end_);
}

void MemoryPartition::remove(const std::vector<int64_t>& offsets) {
  auto from = offsets.empty() ? records_.cend() : find(offsets.front());
  const auto at = records_.begin() + (from - records_.cbegin());
  records_.erase(std::remove_if(at, records_.end(),
                                [&](const auto& record) { return std::binary_search(offsets.begin(), offsets.end(), record->offset()); }),
                 records_.end());
}

void MemoryPartition::compact(int64_t tombstones_since_ms) {
  const int64_t end = readable_end();
  std::unordered_map<std::string_view, int64_t> last;
  for (const auto& record : records_) {
    if (record->offset() < end) last[record->key()] = record->offset();
  }
  std::vector<int64_t> gone;
  for (const auto& record : records_) {
    if (record->offset() >= end) break;
    const bool old_tombstone = !record->has_value() && record->timestamp_ms() < tombstones_since_ms;
    if (old_tombstone || last[record->key()] != record->offset()) gone.push_back(record->offset());
  }
  remove(gone);
}

void MemoryPartition::truncate(int64_t offset) {
  start_ = std::max(start_, std::min(offset, end_));
  while (!records_.empty() && records_.front()->offset() < start_) records_.pop_front();
}

MemoryPartition::Records::const_iterator MemoryPartition::find(int64_t offset) const {
  return std::lower_bound(records_.begin(), records_.end(), offset,
                          [](const auto& record, int64_t wanted) { return record->offset() < wanted; });
}

int64_t MemoryPartition::past_gap(int64_t offset) const {
  const auto next = find(offset);
  return next == records_.end() || (*next)->offset() >= readable_end() ? std::max(offset, readable_end()) : (*next)->offset();
}

int64_t MemoryPartition::offset_at(int64_t timestamp_ms) const {
  for (auto record = records_.begin(); record != unreadable(); ++record) {
    if ((*record)->timestamp_ms() >= timestamp_ms) return (*record)->offset();
  }
  return readable_end();
}

}  // namespace tocsin::log
