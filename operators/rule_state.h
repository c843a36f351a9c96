#pragma once

// What the evaluator keeps of one rule: its live instances, which groups it knows, and which it has to look at.
//
// Thread: worker-confined.

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/lifecycle.h"
#include "operators/paged.h"
#include "operators/plan.h"

namespace tocsin {

struct LiveInstances {
  uint64_t pending = 0;
  uint64_t firing = 0;
};

struct RuleState {
  const PlannedRule* rule = nullptr;
  int index = 0;
  LifecycleTiming timing;
  uint64_t definition = 0;                            // content hash of expr and by
  absl::flat_hash_map<uint64_t, Instance> instances;  // pending and firing ones, by group
  struct Group {
    EventTime dirty_at = EventTime::min();  // the tick for which it is listed in `dirty`
    bool known = false;                     // an expiry timer is set
  };
  Paged<Group> groups;
  std::vector<uint64_t> dirty;  // groups to look at in this tick

  uint64_t firing = 0;  // how many of the instances are

  LiveInstances live_instances() const { return {instances.size() - firing, firing}; }
  // Keeps what is live of a group's instance.
  void put_instance(uint64_t group, const Instance& instance) {
    const auto found = instances.find(group);
    if (found != instances.end() && found->second.phase == Phase::kFiring) --firing;
    if (instance.phase == Phase::kFiring) ++firing;
    if (instance.phase != Phase::kInactive) {
      instances.insert_or_assign(group, instance);
    } else if (found != instances.end()) {
      instances.erase(found);
    }
  }

  bool is_known(uint64_t group) const {
    if (rule->by.empty()) return true;
    const Group* found = groups.find(group);
    return found != nullptr && found->known;
  }
  void set_known(uint64_t group, bool value) { groups.at(group).known = value; }
  void mark_dirty(uint64_t group, EventTime tick) {
    EventTime& dirty_at = groups.at(group).dirty_at;
    if (dirty_at == tick) return;
    dirty_at = tick;
    dirty.push_back(group);
  }
  // The group is gone, and nothing will ask for it again.
  void forget(uint64_t group) { groups.forget(group); }
  size_t memory_bytes() const {
    return instances.capacity() * (sizeof(Instance) + 2 * sizeof(uint64_t)) + dirty.capacity() * sizeof(uint64_t) + groups.bytes();
  }
};

}  // namespace tocsin
