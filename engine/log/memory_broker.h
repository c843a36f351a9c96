#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/log/memory_group.h"
#include "engine/log/memory_log.h"
#include "engine/log/memory_partition.h"

namespace tocsin::log {

// What all consumers, producers and readers of one MemoryLog share: topics, groups, transactional ids, and faults to come.
//
// Thread:     any that holds `mutex`: no function takes it by itself. Listeners and visitors are never called with it held.
// Lifetime:   partitions and groups keep their addresses for the broker's life.
// Invariants: (1) `version` rises with every change that a waiting poll() might be waiting for.
struct MemoryBroker {
  struct Topic {
    TopicOptions options;
    std::vector<std::unique_ptr<MemoryPartition>> partitions;
  };
  struct Fault {
    StatusCode code;
    FaultPoint point;
    std::string transactional_id;  // "": any
  };

  // What a transaction has written before its end.
  struct OpenTransaction {
    std::map<TopicPartition, std::vector<int64_t>> records;  // offsets, rising
    std::string group;
    std::vector<OffsetCommit> offsets;
    CommitReceipt receipt;
  };

  explicit MemoryBroker(MemoryLogOptions given) : options(std::move(given)) {}

  // Wakes all waiting polls.
  void note_change();
  Topic* find_topic(const std::string& name);
  MemoryPartition* find_partition(const TopicPartition& partition);
  // The group of that name; made if there is none.
  MemoryGroup& group(const std::string& name);
  void topic_changed(const std::string& topic);
  // The partition that a record goes to, or why it is refused.
  Result<int32_t> route(const OutRecord& record);
  // Appends to a partition that exists.
  int64_t append(Topic& topic, int32_t partition, OutRecord record, int64_t timestamp_ms);
  // Stores an offset, and drops what was consumed where the topic says so.
  void commit_offset(MemoryGroup& group, const OffsetCommit& offset);
  // Ends the transaction of this id that is open, if one is: its records can be read and its offsets are stored, or neither.
  void end_transaction(const std::string& transactional_id, bool commit);
  // Takes the first fault that is meant for this producer.
  std::optional<Fault> take_fault(const std::string& transactional_id);

  std::mutex mutex;
  std::condition_variable changed;
  uint64_t version = 0;
  const MemoryLogOptions options;
  std::map<std::string, Topic> topics;
  std::map<std::string, MemoryGroup> groups;
  std::map<std::string, int64_t> producer_epochs;
  std::map<std::string, OpenTransaction> open_transactions;  // by transactional id
  std::deque<Fault> faults;
};

}  // namespace tocsin::log
