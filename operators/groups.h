#pragma once

// Groups of one group space in one partition: label values to small ids and back. No id is used again, but for this: an id greater than
// those of all stored groups is free again after a restart.
//
// Thread:     worker-confined.
// Lifetime:   the ledger (may be null) must outlive it.
// Invariants: (1) an id has one group for ever; (2) a group is stored (keys::group) from its first settled row until it is removed;
//             (3) the ledger holds every group that is here.

#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/group_ledger.h"
#include "operators/keys.h"
#include "operators/label_tuples.h"
#include "operators/paged.h"
#include "state/overlay.h"

namespace tocsin {

class Groups {
 public:
  // `cost`: bytes that a group takes in stage 2, for the ledger (group_cost.h).
  Groups(uint32_t partition, uint64_t space, GroupLedger* ledger = nullptr, size_t cost = 0)
      : partition_(partition), space_(space), ledger_(ledger), cost_(cost) {}
  ~Groups();
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // The id of the group, given if new; not stored yet.
  uint64_t find_or_add(const std::vector<std::string>& values);
  // Stores the group if it is not.
  void store(uint64_t id, state::Overlay& overlay);
  // A stored group, when the state is loaded. False if there is one of these values already.
  [[nodiscard]] bool restore(uint64_t id, const std::vector<std::string>& values);
  void remove(uint64_t id, state::Overlay& overlay);

  // Empty for a group that was removed.
  const std::vector<std::string>& values(uint64_t id) const {
    static const std::vector<std::string> none;
    const Entry* entry = entries_.find(id);
    return entry != nullptr ? entry->values : none;
  }
  bool is_stored(uint64_t id) const {
    const Entry* entry = entries_.find(id);
    return entry != nullptr && entry->stored;
  }
  size_t live() const { return ids_.size(); }
  // Every id given so far is below it.
  uint64_t end_id() const { return end_id_; }

  // Memory of names and ids; an estimate.
  size_t memory_bytes() const { return entries_.bytes() + text_bytes_ + ids_.capacity() * (sizeof(std::string) + 2 * sizeof(uint64_t)); }

  // Rows of the group that wait for their tick: while there are any the group may not be removed.
  uint32_t& pending(uint64_t id) { return entries_.at(id).pending; }

  // The tick at which rows of the group took effect last: panes and windows may hold them for as long as any rule remembers.
  EventTime& settled_at(uint64_t id) { return entries_.at(id).settled_at; }
  EventTime settled_at(uint64_t id) const {
    const Entry* entry = entries_.find(id);
    return entry == nullptr ? EventTime::min() : entry->settled_at;
  }

 private:
  struct Entry {
    std::vector<std::string> values;
    bool stored = false;
    uint32_t pending = 0;
    EventTime settled_at = EventTime::min();
  };

 public:
  // Of a group without its values: an entry, and a slot with its control byte in a table that has just grown.
  static constexpr size_t kBytesByGroup = sizeof(Entry) + (sizeof(std::string) + sizeof(uint64_t) + 1) * 16 / 7;

 private:
  // Of the values, and of the key that is made of them.
  static size_t text_bytes(const std::vector<std::string>& values);
  // The group is new here.
  void added(const std::vector<std::string>& values);

  uint32_t partition_;
  uint64_t space_;
  GroupLedger* ledger_;
  size_t cost_;
  absl::flat_hash_map<std::string, uint64_t> ids_;
  Paged<Entry> entries_;
  uint64_t end_id_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace tocsin
