#pragma once

// Series: distinct tuples of the fields that matter to the rules, plus success. Each is resolved once, when it is first seen: which views
// it belongs to, with which group, and what predicates make of it. Regular expressions run here, never per event.
//
// The table is a cache: nothing in it is durable, and it may be cleared whenever no accumulator points into it.
//
// Look-up: an open-addressing table of 64-bit fingerprints of the raw field bytes, keys verified, with the slots of a whole message
// prefetched.
//
// Thread:     worker-confined.
// Invariants: series ids are dense from 0 until clear(); group ids are dense per group space until clear().

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/event/event.h"
#include "operators/plan.h"

namespace tocsin {

// A view that a series belongs to.
struct SeriesTarget {
  int view = 0;
  uint32_t group = 0;  // of the view's group space
  std::vector<LatencyCondition> predicates;
};

struct Series {
  bool success = true;
  std::vector<SeriesTarget> targets;
};

// The label values of a group and where its rows go.
struct GroupKey {
  std::vector<std::string> values;  // in the order of `by`
  uint64_t hash = 0;
};

class SeriesTable {
 public:
  explicit SeriesTable(std::shared_ptr<const Plan> plan);

  // Writes the series id of each event of the batch to `ids`.
  void find_or_create(const EventBatch& batch, std::vector<uint32_t>& ids);

  const Series& series(uint32_t id) const { return series_[id]; }
  size_t size() const { return series_.size(); }
  const GroupKey& group(int group_space, uint32_t id) const { return groups_[static_cast<size_t>(group_space)].keys[id]; }
  size_t group_count(int group_space) const { return groups_[static_cast<size_t>(group_space)].keys.size(); }
  void clear();

 private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t id = kEmpty;
  };
  struct Groups {
    absl::flat_hash_map<std::string, uint32_t> ids;  // by encoded values
    std::vector<GroupKey> keys;
  };
  static constexpr uint32_t kEmpty = UINT32_MAX;

  uint32_t find_or_create_one(uint64_t hash, bool success, const std::string_view* slots);
  bool equal_key(uint32_t id, bool success, const std::string_view* slots) const;
  uint32_t create(bool success, const std::string_view* slots);
  uint32_t group_of(const View& view, const std::string_view* slots);
  void grow();

  std::shared_ptr<const Plan> plan_;
  size_t slot_count_;
  std::vector<Entry> table_;
  std::vector<Series> series_;
  std::vector<std::string_view> keys_;  // per series: its slots' bytes, one after the other
  std::vector<uint32_t> key_lengths_;   // per series slot_count_ lengths
  std::deque<std::string> key_storage_;
  std::vector<Groups> groups_;
  std::vector<uint64_t> hashes_;  // of the message at hand
};

// Identity of a group within its group space, for dictionaries and for placing it on a partials partition: lengths and bytes of its values.
std::string encode_group(const std::vector<std::string>& values);
// Which partials partition holds the group: the same for all views of one `by`.
uint64_t hash_group(uint64_t group_space, const std::vector<std::string>& values);

}  // namespace tocsin
