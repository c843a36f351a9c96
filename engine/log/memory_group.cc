#include "engine/log/memory_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tocsin::log {

MemoryGroup::MemoryGroup(std::string name, PartitionCount partition_count)
    : name_(std::move(name)), partition_count_(std::move(partition_count)) {}

std::string MemoryGroup::join(const std::string& instance_id, const std::vector<std::string>& topics, AssignmentStrategy strategy) {
  TOCSIN_CHECK(members_.empty() || strategy == strategy_, name_);
  strategy_ = strategy;
  std::string id = fmt::format("{}-{:06}", instance_id.empty() ? "member" : instance_id, ++members_ever_);
  if (const Member* replaced = find_instance(instance_id)) {
    Member& place = *find(replaced->id);
    const bool same_topics = place.topics == topics;
    place.id = id;
    place.topics = topics;
    place.joined = true;
    place.synced = false;
    place.absent = false;
    if (!rebalancing_ && same_topics) return id;
  } else {
    members_.push_back({.id = id, .instance_id = instance_id, .topics = topics, .assignment = {}});
  }
  begin_rebalance();
  return id;
}

void MemoryGroup::rejoin(const std::string& member_id) {
  Member* member = find(member_id);
  if (member == nullptr) return;
  member->joined = true;
  member->synced = false;
  complete_if_all_joined();
}

void MemoryGroup::set_synced(const std::string& member_id, int64_t generation, bool synced) {
  Member* member = find(member_id);
  if (member != nullptr && generation == generation_) member->synced = synced;
}

void MemoryGroup::remove(const std::string& member_id) {
  if (std::erase_if(members_, [&](const Member& member) { return member.id == member_id; }) > 0) begin_rebalance();
}

void MemoryGroup::set_absent(const std::string& member_id) {
  Member* member = find(member_id);
  if (member == nullptr) return;
  member->absent = true;
  if (rebalancing_) begin_rebalance();
}

void MemoryGroup::expire_absent() {
  if (std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.absent; })) begin_rebalance();
}

void MemoryGroup::topic_changed(const std::string& topic) {
  const bool subscribed = std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return std::find(member.topics.begin(), member.topics.end(), topic) != member.topics.end();
  });
  if (subscribed) begin_rebalance();
}

MemoryGroup::Standing MemoryGroup::standing(const std::string& member_id, const std::string& instance_id) const {
  const Member* member = find(member_id);
  if (member == nullptr) return find_instance(instance_id) != nullptr ? Standing::kFenced : Standing::kUnknown;
  if (rebalancing_) return member->joined ? Standing::kSteady : Standing::kMustRejoin;
  return member->synced ? Standing::kSteady : Standing::kMustSync;
}

const std::vector<TopicPartition>& MemoryGroup::assignment(const std::string& member_id) const {
  const Member* member = find(member_id);
  TOCSIN_CHECK(member != nullptr, member_id);
  return member->assignment;
}

Status MemoryGroup::check(const MemberIdentity& identity) const {
  if (find(identity.member_id) == nullptr) {
    if (find_instance(identity.instance_id) != nullptr) {
      return aborted(fmt::format("group {} has given the name {} to another member id", name_, identity.instance_id));
    }
    return aborted(fmt::format("{} is no longer a member of group {}", identity.member_id, name_));
  }
  if (identity.generation != generation_) {
    return aborted(fmt::format("group {} is at generation {}, the transaction's is {}", name_, generation_, identity.generation));
  }
  return {};
}

void MemoryGroup::commit(const OffsetCommit& offset) { offsets_[offset.partition] = {offset.offset, offset.metadata}; }

std::optional<CommittedOffset> MemoryGroup::committed(const TopicPartition& partition) const {
  const auto found = offsets_.find(partition);
  if (found == offsets_.end()) return std::nullopt;
  return found->second;
}

MemoryGroup::Member* MemoryGroup::find(const std::string& member_id) {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.id == member_id; });
  return found == members_.end() ? nullptr : &*found;
}

const MemoryGroup::Member* MemoryGroup::find(const std::string& member_id) const { return const_cast<MemoryGroup*>(this)->find(member_id); }

const MemoryGroup::Member* MemoryGroup::find_instance(const std::string& instance_id) const {
  if (instance_id.empty()) return nullptr;
  const auto found =
      std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.instance_id == instance_id; });
  return found == members_.end() ? nullptr : &*found;
}

void MemoryGroup::begin_rebalance() {
  std::erase_if(members_, [](const Member& member) { return member.absent; });
  if (!rebalancing_) {
    rebalancing_ = true;
    // A member that never learned of its assignment holds nothing that it would have to give up.
    for (Member& member : members_) member.joined = !member.synced;
  }
  complete_if_all_joined();
}

void MemoryGroup::complete_if_all_joined() {
  if (!rebalancing_ || !std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.joined; })) return;
  rebalancing_ = false;
  ++generation_;
  // Kafka's clients rank members by instance id if all have one, so that a restart does not move partitions; else by member id.
  const bool all_static = std::all_of(members_.begin(), members_.end(), [](const Member& m) { return !m.instance_id.empty(); });
  std::sort(members_.begin(), members_.end(),
            [=](const Member& a, const Member& b) { return all_static ? a.instance_id < b.instance_id : a.id < b.id; });
  std::vector<Subscription> subscriptions;
  subscriptions.reserve(members_.size());
  for (const Member& member : members_) subscriptions.push_back({member.topics});
  std::vector<std::vector<TopicPartition>> assignments = assign_partitions(strategy_, subscriptions, subscribed_counts());
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i].assignment = std::move(assignments[i]);
    members_[i].synced = false;
  }
}

std::map<std::string, int32_t> MemoryGroup::subscribed_counts() const {
  std::map<std::string, int32_t> counts;
  for (const Member& member : members_) {
    for (const std::string& topic : member.topics) counts[topic] = partition_count_(topic);
  }
  return counts;
}

}  // namespace tocsin::log
