#pragma once

// A worker's ends of the log for reading, with the await points and faults of a network: its membership in the consumer group, and its
// reader of the changelog. Both are MemoryLog's own, wrapped.
//
// Thread:   confined.
// Lifetime: less than the log's, the fate's and the worker's.
// Failure:  as the ports; Crash out of the listener's calls and of restores.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/memory_log.h"
#include "tests/simulation/fate.h"

namespace tocsin::simulation {

class Member final : public log::GroupConsumer, private log::ConsumerListener {
 public:
  Member(log::MemoryLog& log, log::MemoryConsumerOptions options, Fate& fate, Process& process, log::ConsumerListener& worker);

  Status poll(Duration timeout, log::RecordBatch& batch) override;
  const std::vector<log::TopicPartition>& sources() const override { return consumer_->sources(); }
  int64_t position(int32_t source) const override { return consumer_->position(source); }
  Result<std::vector<std::pair<std::string, int32_t>>> partition_counts() override { return consumer_->partition_counts(); }
  void pause(int32_t source) override { consumer_->pause(source); }
  void resume(int32_t source) override { consumer_->resume(source); }
  void probe_end(int32_t source) override { consumer_->probe_end(source); }
  Status rewind() override;
  std::shared_ptr<const log::GroupMetadata> group_metadata() override { return consumer_->group_metadata(); }
  Status close() override { return consumer_->close(); }

  // The session runs out.
  void expire() { log_.expire(*consumer_); }

 private:
  // What a coordinator says that has read only a part of its log.
  std::vector<log::Assignment> as_answered(const std::vector<log::Assignment>& partitions);
  std::vector<log::Assignment> as_of_the_past(std::vector<log::Assignment> partitions) const;
  std::vector<log::Assignment> as_committed_before(std::vector<log::Assignment> partitions) const;
  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override;
  void on_revoked(const std::vector<int32_t>& sources) override;
  void on_lost(const std::vector<int32_t>& sources) override;
  void on_range_lost(int32_t source, int64_t from, int64_t to) override { worker_.on_range_lost(source, from, to); }
  void on_end(int32_t source, int64_t end, WallTime asked_at) override { worker_.on_end(source, end, asked_at); }
  void on_finished(int32_t source) override { worker_.on_finished(source); }

  log::MemoryLog& log_;
  Fate& fate_;
  Process& process_;
  log::ConsumerListener& worker_;
  const std::string group_;
  std::unique_ptr<log::GroupConsumer> consumer_;
  std::map<int32_t, int64_t> believed_;  // by source: the offset that the worker was given last, and took
};

class Reader final : public log::PartitionReader {
 public:
  Reader(log::MemoryLog& log, Fate& fate, Process& process) : fate_(fate), process_(process), reader_(log.reader()) {}

  Result<std::pair<int64_t, int64_t>> bounds(const log::TopicPartition& partition) override;
  Status read(const log::TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) override;

 private:
  Fate& fate_;
  Process& process_;
  std::unique_ptr<log::PartitionReader> reader_;
};

}  // namespace tocsin::simulation
