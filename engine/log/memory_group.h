#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "engine/log/assignor.h"
#include "engine/log/group_identity.h"
#include "engine/log/log.h"

namespace tocsin::log {

// Coordinator of one consumer group of MemoryLog: members, generations, assignments and committed offsets, by Kafka's classic
// ("eager") protocol.
//
//              join, leave, expire, partitions added
//   stable ──────────────────────────────────────────► rebalancing: members that hold partitions are asked to give them up
//      ▲                                                    │
//      └──────── every member has (re)joined: ◄─────────────┘
//                generation + 1, partitions assigned anew
//
// A static member (with an instance id) that closes or crashes stays, with its partitions; one that joins under its name takes its
// place without a rebalance and fences it. There is no session clock: an absent member goes when the next rebalance begins, or by
// expire_absent(), so that tests and the simulation decide when sessions run out.
//
// Thread:     guarded by MemoryBroker's mutex.
// Invariants: (1) at most one member per instance id; (2) while stable, every partition of a subscribed topic is assigned to exactly
//             one member; (3) the generation rises with each completed rebalance and never else.
// Failure:    none of its own; check() says what Kafka's coordinator would.
class MemoryGroup {
 public:
  // What a member has to do next. kUnknown: join again. kFenced: its instance id belongs to another member.
  enum class Standing { kSteady, kMustRejoin, kMustSync, kUnknown, kFenced };
  using PartitionCount = std::function<int32_t(const std::string& topic)>;  // 0: no such topic

  MemoryGroup(std::string name, PartitionCount partition_count);

  // Returns the new member's id. The first member decides the strategy; the others must agree.
  std::string join(const std::string& instance_id, const std::vector<std::string>& topics, AssignmentStrategy strategy);
  // The member has given up its partitions and waits for the next generation.
  void rejoin(const std::string& member_id);
  // The member has learned of its assignment, or (false) failed to take it up.
  void set_synced(const std::string& member_id, int64_t generation, bool synced);
  // Leaves for good.
  void remove(const std::string& member_id);
  // Crashed, or a static member closed: keeps its place until expire_absent() or a rebalance.
  void set_absent(const std::string& member_id);
  void expire_absent();
  // Partitions of `topic` were added.
  void topic_changed(const std::string& topic);

  Standing standing(const std::string& member_id, const std::string& instance_id) const;
  const std::vector<TopicPartition>& assignment(const std::string& member_id) const;
  int64_t generation() const { return generation_; }

  // May offsets be committed under this identity? kAborted: stale generation, unknown or replaced member.
  Status check(const MemberIdentity& identity) const;
  // An open transaction has an offset of this partition: its outcome decides what is committed. Then commit(), or not, and settle().
  void await(const TopicPartition& partition) { awaited_.insert(partition); }
  void settle(const TopicPartition& partition) { awaited_.erase(awaited_.find(partition)); }
  bool in_doubt(const TopicPartition& partition) const { return awaited_.contains(partition); }
  void commit(const OffsetCommit& offset);
  std::optional<CommittedOffset> committed(const TopicPartition& partition) const;

 private:
  struct Member {
    std::string id;
    std::string instance_id;
    std::vector<std::string> topics;
    std::vector<TopicPartition> assignment;
    bool joined = true;   // while rebalancing: ready for the next generation
    bool synced = false;  // knows its assignment, so it may hold partitions
    bool absent = false;
  };

  Member* find(const std::string& member_id);
  const Member* find(const std::string& member_id) const;
  const Member* find_instance(const std::string& instance_id) const;
  void begin_rebalance();
  void complete_if_all_joined();
  std::map<std::string, int32_t> subscribed_counts() const;

  std::string name_;
  AssignmentStrategy strategy_ = AssignmentStrategy::kRange;
  PartitionCount partition_count_;
  std::vector<Member> members_;
  bool rebalancing_ = false;
  int64_t generation_ = 0;
  int64_t members_ever_ = 0;
  std::map<TopicPartition, CommittedOffset> offsets_;
  std::multiset<TopicPartition> awaited_;
};

}  // namespace tocsin::log
