#include "engine/log/memory_broker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/hash.h"

namespace tocsin::log {

void MemoryBroker::note_change() {
  ++version;
  changed.notify_all();
}

MemoryBroker::Topic* MemoryBroker::find_topic(const std::string& name) {
  const auto found = topics.find(name);
  return found == topics.end() ? nullptr : &found->second;
}

MemoryPartition* MemoryBroker::find_partition(const TopicPartition& partition) {
  Topic* topic = find_topic(partition.topic);
  if (topic == nullptr || partition.partition < 0) return nullptr;
  const auto index = static_cast<size_t>(partition.partition);
  return index < topic->partitions.size() ? topic->partitions[index].get() : nullptr;
}

MemoryGroup& MemoryBroker::group(const std::string& name) {
  const auto count = [this](const std::string& topic_name) {
    const Topic* topic = find_topic(topic_name);
    return topic == nullptr ? 0 : static_cast<int32_t>(topic->partitions.size());
  };
  return groups.try_emplace(name, name, count).first->second;
}

void MemoryBroker::topic_changed(const std::string& topic) {
  for (auto& [name, each] : groups) each.topic_changed(topic);
  note_change();
}

Result<int32_t> MemoryBroker::route(const OutRecord& record) {
  const Topic* topic = find_topic(record.topic);
  if (topic == nullptr) return invalid_argument(fmt::format("topic {} does not exist", record.topic));
  const auto count = static_cast<int32_t>(topic->partitions.size());
  if (record.partition < -1 || record.partition >= count) {
    return invalid_argument(fmt::format("topic {} has {} partitions; there is no partition {}", record.topic, count, record.partition));
  }
  const size_t size = record.key.size() + (record.value ? record.value->size() : 0);
  if (size > options.record_bytes_max) {
    return invalid_argument(
        fmt::format("a record of {} bytes for topic {} is larger than the {} allowed", size, record.topic, options.record_bytes_max));
  }
  if (record.partition >= 0) return record.partition;
  return static_cast<int32_t>(fnv1a(record.key) % static_cast<uint64_t>(count));
}

int64_t MemoryBroker::append(Topic& topic, int32_t partition, OutRecord record, int64_t timestamp_ms) {
  MemoryPartition& to = *topic.partitions[static_cast<size_t>(partition)];
  return to.append(std::move(record), timestamp_ms, topic.options.retain != Retain::kNone);
}

void MemoryBroker::commit_offset(MemoryGroup& of, const OffsetCommit& offset) {
  of.commit(offset);
  const Topic* topic = find_topic(offset.partition.topic);
  if (topic == nullptr || topic->options.retain != Retain::kUntilConsumed) return;
  if (MemoryPartition* partition = find_partition(offset.partition)) partition->truncate(offset.offset);
}

void MemoryBroker::end_transaction(const std::string& transactional_id, bool commit) {
  auto open = open_transactions.extract(transactional_id);
  if (open.empty()) return;
  for (const auto& [to, written] : open.mapped().records) {
    const Topic& topic = *find_topic(to.topic);
    MemoryPartition& partition = *find_partition(to);
    if (topic.options.retain != Retain::kNone) partition.release(written.front());
    if (options.control_records) {
      if (!commit) partition.remove(written);
      partition.append_gap(1);
    } else if (!commit) {
      partition.retract(written.front());
    }
  }
  if (!open.mapped().offsets.empty()) {
    MemoryGroup& in = group(open.mapped().group);
    for (const OffsetCommit& offset : open.mapped().offsets) {
      in.settle(offset.partition);
      if (commit) commit_offset(in, offset);
    }
  }
  note_change();
}

std::optional<MemoryBroker::Fault> MemoryBroker::take_fault(const std::string& transactional_id) {
  const auto found = std::find_if(faults.begin(), faults.end(), [&](const Fault& fault) {
    return fault.transactional_id.empty() || fault.transactional_id == transactional_id;
  });
  if (found == faults.end()) return std::nullopt;
  Fault fault = *found;
  faults.erase(found);
  return fault;
}

}  // namespace tocsin::log
