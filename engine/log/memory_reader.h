#pragma once

#include <cstdint>
#include <utility>

#include "engine/log/log.h"
#include "engine/log/memory_broker.h"

namespace tocsin::log {

// Reads MemoryLog's partitions outside any group.
//
// Thread:   confined; the visitor is called without the broker's mutex.
// Lifetime: less than the broker's. A visited record's views are valid during the call.
// Failure:  kNotFound: no such partition; kDataLoss: `from` was dropped by retention; kUnavailable: the partition does not reach `to`.
class MemoryReader : public PartitionReader {
 public:
  explicit MemoryReader(MemoryBroker& broker) : broker_(broker) {}

  Result<std::pair<int64_t, int64_t>> bounds(const TopicPartition& partition) override;
  Status read(const TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) override;

 private:
  MemoryBroker& broker_;
};

}  // namespace tocsin::log
