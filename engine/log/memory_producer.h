#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/log/log.h"
#include "engine/log/memory_broker.h"

namespace tocsin::log {

// A producer of MemoryLog: one epoch of its transactional id.
//
// Thread:     confined, one commit at a time; takes the broker's mutex.
// Lifetime:   less than the broker's. What it began outlives it, as an open transaction.
// Invariants: (1) of all producers of one id only the newest commits; (2) a transaction that fails leaves no record and no offset.
// Failure:    kFenced: a newer producer of this id; kAborted: stale generation, or the group's static member was replaced;
//             kInvalidArgument: no such topic or partition, record or metadata too large, offsets without a group that MemoryLog
//             knows; anything by MemoryLog::fail_next_commit().
class MemoryProducer : public StagedProducer {
 public:
  MemoryProducer(MemoryBroker& broker, std::string transactional_id);

  Result<CommitReceipt> commit(Transaction transaction) override;
  Status begin(Transaction transaction) override;
  Result<CommitReceipt> end() override;
  Status abort() override;

 private:
  // Each record's partition, or why a broker would refuse the transaction.
  Result<std::vector<int32_t>> validate(const Transaction& transaction);
  Status check_epoch() const;
  Status write(Transaction transaction);
  // Appends the records of the transaction, unreadable as yet.
  void append(Transaction& transaction, const std::vector<int32_t>& partitions, MemoryBroker::OpenTransaction& open);

  MemoryBroker& broker_;
  const std::string transactional_id_;
  int64_t epoch_ = 0;
};

}  // namespace tocsin::log
