#include "engine/log/memory_log.h"

#include <utility>

#include "engine/log/memory_broker.h"
#include "engine/log/memory_consumer.h"
#include "engine/log/memory_producer.h"
#include "engine/log/memory_reader.h"

namespace tocsin::log {

MemoryLog::MemoryLog(MemoryLogOptions options) : broker_(std::make_unique<MemoryBroker>(std::move(options))) {
  TOCSIN_CHECK(broker_->options.clock != nullptr, "a MemoryLog needs a clock");
}

MemoryLog::~MemoryLog() = default;

void MemoryLog::create_topic(const std::string& name, const TopicOptions& options) {
  TOCSIN_CHECK(options.partitions > 0, name);
  const std::lock_guard lock(broker_->mutex);
  const auto [topic, created] = broker_->topics.try_emplace(name);
  TOCSIN_CHECK(created, name);
  topic->second.options = options;
  for (int32_t i = 0; i < options.partitions; ++i) topic->second.partitions.push_back(std::make_unique<MemoryPartition>());
  broker_->topic_changed(name);
}

void MemoryLog::add_partitions(const std::string& name, int32_t partitions) {
  const std::lock_guard lock(broker_->mutex);
  MemoryBroker::Topic* topic = broker_->find_topic(name);
  TOCSIN_CHECK(topic != nullptr && static_cast<size_t>(partitions) >= topic->partitions.size(), name);
  while (topic->partitions.size() < static_cast<size_t>(partitions)) topic->partitions.push_back(std::make_unique<MemoryPartition>());
  broker_->topic_changed(name);
}

std::unique_ptr<GroupConsumer> MemoryLog::consumer(MemoryConsumerOptions options, ConsumerListener& listener) {
  return std::make_unique<MemoryConsumer>(*broker_, std::move(options), listener);
}

std::unique_ptr<StagedProducer> MemoryLog::producer(std::string transactional_id) {
  return std::make_unique<MemoryProducer>(*broker_, std::move(transactional_id));
}

std::unique_ptr<PartitionReader> MemoryLog::reader() { return std::make_unique<MemoryReader>(*broker_); }

Result<int64_t> MemoryLog::append(OutRecord record, std::optional<int64_t> timestamp_ms) {
  const std::lock_guard lock(broker_->mutex);
  const Result<int32_t> partition = broker_->route(record);
  if (!partition.ok()) return partition.status();
  MemoryBroker::Topic& topic = *broker_->find_topic(record.topic);
  const int64_t stamp = timestamp_ms ? *timestamp_ms : broker_->options.clock().ms;
  const int64_t offset = broker_->append(topic, *partition, std::move(record), stamp);
  broker_->note_change();
  return offset;
}

void MemoryLog::truncate(const TopicPartition& partition, int64_t offset) {
  const std::lock_guard lock(broker_->mutex);
  MemoryPartition* found = broker_->find_partition(partition);
  TOCSIN_CHECK(found != nullptr, partition.topic);
  found->truncate(offset);
  broker_->note_change();
}

bool MemoryLog::shorten(const TopicPartition& partition, int64_t offset) {
  const std::lock_guard lock(broker_->mutex);
  MemoryPartition* found = broker_->find_partition(partition);
  TOCSIN_CHECK(found != nullptr && offset <= found->end(), partition.topic);
  if (found->readable_end() != found->end()) return false;
  found->retract(offset);
  broker_->note_change();
  return true;
}

void MemoryLog::compact(const TopicPartition& partition, WallTime tombstones_since) {
  const std::lock_guard lock(broker_->mutex);
  MemoryPartition* found = broker_->find_partition(partition);
  TOCSIN_CHECK(found != nullptr, partition.topic);
  found->compact(tombstones_since.ms);
}

void MemoryLog::time_out(const std::string& transactional_id) {
  const std::lock_guard lock(broker_->mutex);
  if (!broker_->open_transactions.contains(transactional_id)) return;
  broker_->end_transaction(transactional_id, false);
  ++broker_->producer_epochs[transactional_id];
}

void MemoryLog::fail_next_commit(StatusCode code, FaultPoint point, std::string transactional_id) {
  TOCSIN_CHECK(code != StatusCode::kOk, "a fault needs an error code");
  TOCSIN_CHECK(point == FaultPoint::kBefore || code == StatusCode::kUnavailable, "only kUnavailable leaves the outcome open");
  const std::lock_guard lock(broker_->mutex);
  broker_->faults.push_back({code, point, std::move(transactional_id)});
}

void MemoryLog::expire(const GroupConsumer& consumer) {
  const auto* member = dynamic_cast<const MemoryConsumer*>(&consumer);
  TOCSIN_CHECK(member != nullptr, "only a MemoryLog's consumer has a session here");
  const std::lock_guard lock(broker_->mutex);
  broker_->group(member->group()).remove(member->member_id());
  broker_->note_change();
}

void MemoryLog::expire_absent(const std::string& group) {
  const std::lock_guard lock(broker_->mutex);
  broker_->group(group).expire_absent();
  broker_->note_change();
}

std::vector<std::string> MemoryLog::transactional_ids() {
  const std::lock_guard lock(broker_->mutex);
  std::vector<std::string> ids;
  ids.reserve(broker_->producer_epochs.size());
  for (const auto& [id, epoch] : broker_->producer_epochs) ids.push_back(id);
  return ids;
}

std::optional<CommittedOffset> MemoryLog::committed(const std::string& group, const TopicPartition& partition) {
  const std::lock_guard lock(broker_->mutex);
  const auto found = broker_->groups.find(group);
  if (found == broker_->groups.end()) return std::nullopt;
  return found->second.committed(partition);
}

std::vector<LogEntry> MemoryLog::entries(const TopicPartition& partition) {
  const std::lock_guard lock(broker_->mutex);
  const MemoryPartition* found = broker_->find_partition(partition);
  TOCSIN_CHECK(found != nullptr, partition.topic);
  std::vector<LogEntry> entries;
  for (auto next = found->records().begin(); next != found->unreadable(); ++next) {
    const StoredRecord& record = **next;
    entries.push_back({record.offset(), record.timestamp_ms(), record.key(), std::nullopt, record.headers()});
    if (record.has_value()) entries.back().value = std::string(record.value());
  }
  return entries;
}

}  // namespace tocsin::log
