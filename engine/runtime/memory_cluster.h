#pragma once

// A log in this process in the place of a Kafka cluster: for `tocsin demo`.
//
// There is one partials partition, whatever the configuration says: its one evaluate worker has it from the first moment to the last, so
// nothing is ever restored. Frames are therefore dropped once consumed, as telemetry is, and changelog and dead letters at once; alerts and
// signals are kept to be shown.
//
// Thread:   as Cluster; append() and reader() from any thread.
// Failure:  as engine/log/memory_log.h.

#include <memory>

#include "engine/config/config.h"
#include "engine/config/topics.h"
#include "engine/log/memory_log.h"
#include "engine/runtime/cluster.h"

namespace tocsin {

class MemoryCluster final : public Cluster {
 public:
  // Makes the input topics with `input_partitions` partitions each, and our own.
  MemoryCluster(const config::Config& config, int32_t input_partitions);

  // One telemetry message, to the first input topic.
  Status append(int32_t partition, std::string value);
  // Reads any topic.
  std::unique_ptr<log::PartitionReader> reader() { return log_.reader(); }
  const config::TopicNames& topics() const { return topics_; }

  Result<uint32_t> check_topics() override;
  Result<std::unique_ptr<log::GroupConsumer>> consumer(Role role, const std::string& member, size_t queue_bytes,
                                                       log::ConsumerListener& listener) override;
  Result<std::unique_ptr<log::TransactionalProducer>> producer(Role role, const std::string& member, std::stop_token stop) override;
  Result<std::unique_ptr<log::PartitionReader>> changelog_reader(const std::string& member, std::stop_token stop) override;
  void signal(std::string_view json) override;

 private:
  const config::Config config_;
  const config::TopicNames topics_;
  log::MemoryLog log_;
};

}  // namespace tocsin
