#pragma once

// Reads one partition by itself, outside any group, committed records only.
//
// Thread:     one.
// Invariants: (1) nothing is assigned between two calls of read(); (2) read() ends when it has seen that nothing below `to` is left,
//             also if the last offsets hold aborted records or markers.
//             (3) bounds() tells of all transactions that were committed before it was called: the coordinator answers a commit before
//             the markers that make its records readable are written, and the marker of the group's offsets may come first.
// Failure:    kNotFound if retention was faster than the reader; kUnavailable without progress in time.

#include <memory>

#include "engine/kafka/client.h"
#include "engine/kafka/kafka.h"
#include "engine/kafka/list_offsets.h"

namespace tocsin::kafka {

class KafkaReader final : public log::PartitionReader {
 public:
  static Result<std::unique_ptr<KafkaReader>> open(ReaderOptions options);

  Result<std::pair<int64_t, int64_t>> bounds(const log::TopicPartition& partition) override;
  Status read(const log::TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) override;

 private:
  enum class Progress { kNone, kSome, kDone };

  KafkaReader(ReaderOptions options, std::shared_ptr<Client> client) : options_(std::move(options)), client_(std::move(client)) {}

  Result<int64_t> ask(const log::TopicPartition& partition, int64_t spec, Isolation isolation) const;
  Status read_assigned(const log::TopicPartition& partition, int64_t to, Visitor& visit);
  Result<Progress> take(const log::TopicPartition& partition, const rd_kafka_message_t& message, int64_t to, Visitor& visit) const;

  ReaderOptions options_;
  std::shared_ptr<Client> client_;
};

}  // namespace tocsin::kafka
