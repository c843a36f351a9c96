#pragma once

// What the evaluator keeps of one rule: its live instances, which groups it knows, and which it has to look at.
//
// Thread: worker-confined.

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/lifecycle.h"
#include "operators/plan.h"

namespace tocsin {

struct RuleState {
  const PlannedRule* rule = nullptr;
  int index = 0;
  LifecycleTiming timing;
  uint64_t definition = 0;                            // content hash of expr and by
  absl::flat_hash_map<uint64_t, Instance> instances;  // pending and firing ones, by group
  std::vector<uint8_t> known;                         // by group: an expiry timer is set
  std::vector<uint64_t> dirty;                        // groups to look at in this tick
  std::vector<EventTime> dirty_at;                    // by group: the tick for which it is listed

  bool is_known(uint64_t group) const { return rule->by.empty() || (group < known.size() && known[group] != 0); }
  void set_known(uint64_t group, bool value) {
    if (group >= known.size()) known.resize(group + 1 + group / 2);
    known[group] = value ? 1 : 0;
  }
  size_t memory_bytes() const {
    return instances.capacity() * (sizeof(Instance) + 2 * sizeof(uint64_t)) + known.capacity() + dirty.capacity() * sizeof(uint64_t) +
           dirty_at.capacity() * sizeof(EventTime);
  }
  void mark_dirty(uint64_t group, EventTime tick) {
    if (group >= dirty_at.size()) dirty_at.resize(group + 1 + group / 2, EventTime::min());
    if (dirty_at[group] == tick) return;
    dirty_at[group] = tick;
    dirty.push_back(group);
  }
};

}  // namespace tocsin
