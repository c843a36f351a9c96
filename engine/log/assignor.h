#pragma once

// Which member of a consumer group reads which partition: Kafka's "roundrobin" and "range".

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/log/log.h"

namespace tocsin::log {

enum class AssignmentStrategy {
  kRoundRobin,  // all partitions of all topics, dealt out in turn: even, whatever the topics
  kRange,       // of each topic a contiguous range: topics of equal partition counts stay together by partition number
};

// What a member subscribes to. Its position in the list below is its rank.
struct Subscription {
  std::vector<std::string> topics;
};

// The partitions of each member, in the order of `members`, each list sorted. Every partition of a topic in `partition_counts`
// that somebody subscribes to goes to exactly one member. A pure function: equal arguments give equal assignments.
std::vector<std::vector<TopicPartition>> assign_partitions(AssignmentStrategy strategy, const std::vector<Subscription>& members,
                                                           const std::map<std::string, int32_t>& partition_counts);

}  // namespace tocsin::log
