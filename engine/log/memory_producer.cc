#include "engine/log/memory_producer.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
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
  broker_.end_transaction(transactional_id_, false);
  epoch_ = ++broker_.producer_epochs[transactional_id_];
}

Result<CommitReceipt> MemoryProducer::commit(Transaction transaction) {
  const std::lock_guard lock(broker_.mutex);
  TOCSIN_RETURN_IF_ERROR(check_epoch());
  TOCSIN_RETURN_IF_ERROR(write(std::move(transaction)));
  const std::optional<MemoryBroker::Fault> fault = broker_.take_fault(transactional_id_);
  CommitReceipt receipt = std::move(broker_.open_transactions[transactional_id_].receipt);
  broker_.end_transaction(transactional_id_, !fault || fault->point == FaultPoint::kAfter);
  if (fault) return Status(fault->code, fmt::format("injected fault: {}", to_string(fault->code)));
  return receipt;
}

Status MemoryProducer::begin(Transaction transaction) {
  const std::lock_guard lock(broker_.mutex);
  TOCSIN_RETURN_IF_ERROR(check_epoch());
  TOCSIN_CHECK(broker_.options.control_records, "without control records a transaction cannot be rolled back once others have written");
  return write(std::move(transaction));
}

Result<CommitReceipt> MemoryProducer::end() {
  const std::lock_guard lock(broker_.mutex);
  TOCSIN_RETURN_IF_ERROR(check_epoch());
  const auto open = broker_.open_transactions.find(transactional_id_);
  TOCSIN_CHECK(open != broker_.open_transactions.end(), "no transaction of this id has begun");
  CommitReceipt receipt = std::move(open->second.receipt);
  broker_.end_transaction(transactional_id_, true);
  return receipt;
}

Status MemoryProducer::abort() {
  const std::lock_guard lock(broker_.mutex);
  TOCSIN_RETURN_IF_ERROR(check_epoch());
  broker_.end_transaction(transactional_id_, false);
  return {};
}

Status MemoryProducer::check_epoch() const {
  if (broker_.producer_epochs[transactional_id_] == epoch_) return {};
  return fenced(fmt::format("another process took over transactional id {}", transactional_id_));
}

Status MemoryProducer::write(Transaction transaction) {
  TOCSIN_CHECK(!broker_.open_transactions.contains(transactional_id_), "a transaction of this id has begun already");
  const Result<std::vector<int32_t>> partitions = validate(transaction);
  if (!partitions.ok()) return partitions.status();
  MemoryBroker::OpenTransaction& open = broker_.open_transactions[transactional_id_];
  append(transaction, *partitions, open);
  if (transaction.offsets.empty()) return {};
  open.group = group_of(transaction.group.get());
  MemoryGroup& group = broker_.group(open.group);
  if (const auto* member = dynamic_cast<const MemberIdentity*>(transaction.group.get())) {
    if (Status status = group.check(*member); !status.ok()) {
      broker_.end_transaction(transactional_id_, false);
      return status;
    }
  }
  open.offsets = std::move(transaction.offsets);
  for (const OffsetCommit& offset : open.offsets) group.await(offset.partition);
  return {};
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

void MemoryProducer::append(Transaction& transaction, const std::vector<int32_t>& partitions, MemoryBroker::OpenTransaction& open) {
  const int64_t now_ms = broker_.options.clock().ms;
  std::map<TopicPartition, int64_t> last_offsets;
  for (size_t i = 0; i < partitions.size(); ++i) {
    OutRecord& record = transaction.records[i];
    const TopicPartition to{record.topic, partitions[i]};
    const bool explicit_partition = record.partition >= 0;
    MemoryBroker::Topic& topic = *broker_.find_topic(to.topic);
    const int64_t offset = broker_.append(topic, to.partition, std::move(record), now_ms);
    std::vector<int64_t>& written = open.records[to];
    if (written.empty() && topic.options.retain != Retain::kNone) broker_.find_partition(to)->hold(offset);
    written.push_back(offset);
    if (explicit_partition) last_offsets[to] = offset;
  }
  open.receipt = {{last_offsets.begin(), last_offsets.end()}};
}

}  // namespace tocsin::log
