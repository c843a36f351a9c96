#include "engine/log/assignor.h"

#include <algorithm>

namespace tocsin::log {
namespace {

using Assignments = std::vector<std::vector<TopicPartition>>;

// Ranks of the members that subscribe to `topic`.
std::vector<size_t> subscribers(const std::vector<Subscription>& members, const std::string& topic) {
  std::vector<size_t> ranks;
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const std::vector<std::string>& topics = members[rank].topics;
    if (std::find(topics.begin(), topics.end(), topic) != topics.end()) ranks.push_back(rank);
  }
  return ranks;
}

void deal_in_turn(const std::vector<size_t>& ranks, const std::string& topic, int32_t count, size_t& next, Assignments& out) {
  for (int32_t partition = 0; partition < count; ++partition) {
    // The turn goes over all members, skipping those without the topic, so that members of one topic only are not favoured.
    while (std::find(ranks.begin(), ranks.end(), next % out.size()) == ranks.end()) ++next;
    out[next % out.size()].push_back({topic, partition});
    ++next;
  }
}

void cut_in_ranges(const std::vector<size_t>& ranks, const std::string& topic, int32_t count, Assignments& out) {
  const auto members = static_cast<int32_t>(ranks.size());
  int32_t partition = 0;
  for (int32_t i = 0; i < members; ++i) {
    const int32_t share = count / members + (i < count % members ? 1 : 0);
    for (const int32_t end = partition + share; partition < end; ++partition) {
      out[ranks[static_cast<size_t>(i)]].push_back({topic, partition});
    }
  }
}

}  // namespace

std::vector<std::vector<TopicPartition>> assign_partitions(AssignmentStrategy strategy, const std::vector<Subscription>& members,
                                                           const std::map<std::string, int32_t>& partition_counts) {
  Assignments out(members.size());
  size_t next = 0;
  for (const auto& [topic, count] : partition_counts) {
    const std::vector<size_t> ranks = subscribers(members, topic);
    if (ranks.empty()) continue;
    if (strategy == AssignmentStrategy::kRoundRobin) {
      deal_in_turn(ranks, topic, count, next, out);
    } else {
      cut_in_ranges(ranks, topic, count, out);
    }
  }
  return out;
}

}  // namespace tocsin::log
