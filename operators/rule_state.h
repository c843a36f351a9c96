#pragma once

// What the evaluator keeps of one rule: its live instances. Which groups it knows is kept by its family (rule_family.h).
//
// Thread: worker-confined.

#include <cstdint>

#include <absl/container/flat_hash_map.h>

#include "operators/lifecycle.h"
#include "operators/plan.h"

namespace tocsin {

struct LiveInstances {
  uint64_t pending = 0;
  uint64_t firing = 0;
};

struct RuleState {
  const PlannedRule* rule = nullptr;
  int index = 0;   // in the plan
  int family = 0;  // in the evaluator
  LifecycleTiming timing;
  uint64_t definition = 0;                            // content hash of expr and by
  absl::flat_hash_map<uint64_t, Instance> instances;  // pending and firing ones, by group
  uint64_t firing = 0;                                // how many of the instances are

  // Of a group: an instance in a table that has just grown.
  static constexpr size_t kBytesByGroup = (sizeof(uint64_t) + sizeof(Instance) + 1) * 16 / 7;

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

  size_t memory_bytes() const { return instances.capacity() * (sizeof(Instance) + 2 * sizeof(uint64_t)); }
};

}  // namespace tocsin
