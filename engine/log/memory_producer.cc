#include "engine/log/memory_producer.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "engine/log/group_identity.h"

namespace tocsin::log {
namespace {

// The group that the offsets are stored under, or "" if the log that made the metadata is another one.
std::string group_of(const GroupMetadata* metadata) {
  if (const auto* member = dynamic_cast<const MemberIdentity*>(metadata)) return member->group;
  if (const auto* unfenced = dynamic_cast<const UnfencedGroup*>(metadata)) return unfenced->group;
  return {};
}

}  // namespace

MemoryProducer::MemoryProducer(MemoryBroker& broker, std::string transactional_id)
    : broker_(broker), transactional_id_(std::move(transactional_id)) {
  const std::lock_guard lock(broker_.mutex);
  epoch_ = ++broker_.producer_epochs[transactional_id_];
}

Result<CommitReceipt> MemoryProducer::commit(Transaction transaction) {
  const std::lock_guard lock(broker_.mutex);
  if (broker_.producer_epochs[transactional_id_] != epoch_) {
    return fenced(fmt::format("another process took over transactional id {}", transactional_id_));
  }
  const Result<std::vector<int32_t>> partitions = validate(transaction);
  if (!partitions.ok()) return partitions.status();
  if (const auto* member = dynamic_cast<const MemberIdentity*>(transaction.group.get()); member && !transaction.offsets.empty()) {
    if (Status status = broker_.group(member->group).check(*member); !status.ok()) {
      roll_back(transaction, *partitions);
      return status;
    }
  }
  const std::optional<MemoryBroker::Fault> fault = broker_.take_fault(transactional_id_);
  if (!fault) return apply(std::move(transaction), *partitions);
  if (fault->point == FaultPoint::kAfter) {
    apply(std::move(transaction), *partitions);
  } else {
    roll_back(transaction, *partitions);
  }
  return Status(fault->code, fmt::format("injected fault: {}", to_string(fault->code)));
}

Result<std::vector<int32_t>> MemoryProducer::validate(const Transaction& transaction) {
  std::vector<int32_t> partitions;
  for (const OutRecord& record : transaction.records) {
    const Result<int32_t> partition = broker_.route(record);
    if (!partition.ok()) return partition.status();
    partitions.push_back(*partition);
  }
  if (!transaction.offsets.empty() && group_of(transaction.group.get()).empty()) {
    return invalid_argument("offsets need the metadata of a group that this log knows");
  }
  for (const OffsetCommit& offset : transaction.offsets) {
    if (offset.metadata.size() > broker_.options.offset_metadata_bytes_max) {
      return invalid_argument(fmt::format("metadata of {} bytes with the offset of {} partition {}; {} are allowed", offset.metadata.size(),
                                          offset.partition.topic, offset.partition.partition, broker_.options.offset_metadata_bytes_max));
    }
  }
  return partitions;
}

CommitReceipt MemoryProducer::apply(Transaction transaction, const std::vector<int32_t>& partitions) {
  const int64_t now_ms = broker_.options.clock().ms;
  std::set<TopicPartition> touched;
  std::map<TopicPartition, int64_t> last_offsets;
  for (size_t i = 0; i < partitions.size(); ++i) {
    OutRecord& record = transaction.records[i];
    const TopicPartition to{record.topic, partitions[i]};
    const bool explicit_partition = record.partition >= 0;
    const int64_t offset = broker_.append(*broker_.find_topic(to.topic), to.partition, std::move(record), now_ms);
    touched.insert(to);
    if (explicit_partition) last_offsets[to] = offset;
  }
  if (broker_.options.control_records) {
    for (const TopicPartition& to : touched) broker_.find_partition(to)->append_gap(1);
  }
  if (!transaction.offsets.empty()) {
    MemoryGroup& group = broker_.group(group_of(transaction.group.get()));
    for (const OffsetCommit& offset : transaction.offsets) broker_.commit_offset(group, offset);
  }
  broker_.note_change();
  return {{last_offsets.begin(), last_offsets.end()}};
}

void MemoryProducer::roll_back(const Transaction& transaction, const std::vector<int32_t>& partitions) {
  if (!broker_.options.control_records) return;
  std::map<TopicPartition, int64_t> records;
  for (size_t i = 0; i < partitions.size(); ++i) ++records[{transaction.records[i].topic, partitions[i]}];
  for (const auto& [to, count] : records) broker_.find_partition(to)->append_gap(count + 1);
  broker_.note_change();
}

}  // namespace tocsin::log
