#include "engine/runtime/memory_cluster.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/clock.h"

namespace tocsin {
namespace {

constexpr uint32_t kPartialsPartitions = 1;

log::MemoryLogOptions log_options() {
  log::MemoryLogOptions options;
  options.clock = system_now;
  return options;
}

}  // namespace

MemoryCluster::MemoryCluster(const config::Config& config, int32_t input_partitions)
    : config_(config), topics_(config.app), log_(log_options()) {
  for (const std::string& topic : config_.input.topics) log_.create_topic(topic, {input_partitions, log::Retain::kUntilConsumed});
  log_.create_topic(topics_.partials, {static_cast<int32_t>(kPartialsPartitions), log::Retain::kUntilConsumed, true});
  for (const std::string& topic : {topics_.alerts, topics_.signals}) log_.create_topic(topic, {1, log::Retain::kAll, true});
  for (const std::string& topic : {topics_.changelog, topics_.dead_letters, topics_.alert_states}) {
    log_.create_topic(topic, {1, log::Retain::kNone, true});
  }
}

Status MemoryCluster::append(int32_t partition, std::string value) {
  log::OutRecord record;
  record.topic = config_.input.topics.front();
  record.partition = partition;
  record.value = std::move(value);
  return log_.append(std::move(record)).status();
}

Result<uint32_t> MemoryCluster::check_topics() { return kPartialsPartitions; }

Result<std::unique_ptr<log::GroupConsumer>> MemoryCluster::consumer(Role role, const std::string& member, size_t queue_bytes,
                                                                    log::ConsumerListener& listener) {
  log::MemoryConsumerOptions options;
  options.group = to_string(role);
  options.instance_id = member;
  options.topics = role == Role::kAggregate ? config_.input.topics : std::vector<std::string>{topics_.partials};
  options.strategy = role == Role::kAggregate ? log::AssignmentStrategy::kRoundRobin : log::AssignmentStrategy::kRange;
  options.poll_bytes_max = std::min(options.poll_bytes_max, queue_bytes);
  return log_.consumer(std::move(options), listener);
}

Result<std::unique_ptr<log::TransactionalProducer>> MemoryCluster::producer(Role /*role*/, const std::string& member,
                                                                            std::stop_token /*stop*/) {
  return std::unique_ptr<log::TransactionalProducer>(log_.producer(member));
}

Result<std::unique_ptr<log::PartitionReader>> MemoryCluster::changelog_reader(const std::string& /*member*/, std::stop_token /*stop*/) {
  return log_.reader();
}

void MemoryCluster::signal(std::string_view json) {
  log::OutRecord record;
  record.topic = topics_.signals;
  record.partition = 0;
  record.value = std::string(json);
  (void)log_.append(std::move(record));  // refused only if too large: the next one follows
}

}  // namespace tocsin
