#pragma once

// The combinations of label values by which rules group, and the groups that they make: what costs memory here and, as groups, in
// stage 2. Values are kept once each, so that a combination is a few numbers.
//
// A tuple has one value for each label that some rule groups by. Those that no view of the series at hand groups by are left empty, so
// that a label counts only where it matters.
//
// Thread:     worker-confined.
// Lifetime:   views of values are valid until the table is destroyed. The ledger (may be null) must outlive it.
// Invariants: (1) tuple and group ids are dense from 0; (2) a tuple's groups have its values; (3) the ledger holds every group that is
//             here.
// Failure:    none.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/group_ledger.h"
#include "operators/plan.h"
#include "operators/row_table.h"

namespace tocsin {

// What stands for a value beyond the limits (SPEC 6.1).
inline constexpr std::string_view kOverflowValue = "__overflow__";

// Texts to dense numbers and back.
class ValueTable {
 public:
  // Its number, or RowTable::kNone.
  uint32_t find(std::string_view text) const;
  uint32_t find_or_add(std::string_view text);
  std::string_view text(uint32_t id) const { return texts_[id]; }
  size_t size() const { return texts_.size(); }
  size_t bytes() const { return text_bytes_ + texts_.size() * kEntryBytes; }

 private:
  static constexpr size_t kEntryBytes = 80;  // view, its place in the hash table, the allocator's share

  absl::flat_hash_map<std::string_view, uint32_t> ids_;
  std::vector<std::string_view> texts_;
  std::vector<std::unique_ptr<char[]>> storage_;
  size_t text_bytes_ = 0;
};

class LabelTuples {
 public:
  static constexpr uint32_t kNone = RowTable::kNone;
  using Values = std::vector<std::string_view>;  // of a tuple: one for each of slots()

  explicit LabelTuples(const Plan& plan, GroupLedger* ledger = nullptr);
  ~LabelTuples();
  LabelTuples(const LabelTuples&) = delete;
  LabelTuples& operator=(const LabelTuples&) = delete;

  // Drops what it holds in the ledger, once and for all: nothing is to be added after it.
  void leave_ledger();

  // The slots of the labels that rules group by.
  const std::vector<int>& slots() const { return slots_; }

  uint32_t find(const Values& values) const;
  // They must not be there. `overflowed`: a value of it was replaced.
  uint32_t add(const Values& values, bool overflowed);
  Values values(uint32_t tuple) const;
  bool overflowed(uint32_t tuple) const { return overflowed_[tuple]; }

  // The group of that space which the tuple belongs to, made if new.
  uint32_t group_of(uint32_t tuple, int space);
  // The same; it was made before.
  uint32_t group(uint32_t tuple, int space) const { return tuple_groups_[tuple * spaces_.size() + static_cast<size_t>(space)]; }
  // What the group that these values make in that space adds to the ledger: nothing if it is held already.
  size_t new_bytes(const Values& values, int space) const;
  // What all groups here take in stage 2.
  size_t group_bytes() const { return group_bytes_; }
  // The group's label values in the order of `by`, and hash_group() of them.
  Values group_values(int space, uint32_t group) const;
  uint64_t group_hash(int space, uint32_t group) const { return spaces_[static_cast<size_t>(space)].hashes[group]; }

  // How many different values a label (an index into slots()) has.
  size_t distinct(size_t label) const { return values_[label].size(); }
  size_t size() const { return rows_.size(); }
  size_t bytes() const;

 private:
  struct Space {
    Space(uint64_t space_id, size_t group_cost, std::vector<size_t> by)
        : id(space_id), cost(group_cost), labels(std::move(by)), rows(labels.size()) {}
    uint64_t id;
    size_t cost;                 // of a group in stage 2 (group_cost.h)
    std::vector<size_t> labels;  // indices into slots_, in the order of `by`
    RowTable rows;               // value ids of each group
    std::vector<uint64_t> hashes;
  };

  static size_t stage_two_bytes(const Space& space, const Values& values);

  GroupLedger* ledger_;
  std::vector<int> slots_;
  std::vector<ValueTable> values_;  // by label
  RowTable rows_;                   // value ids of each tuple
  std::vector<Space> spaces_;
  std::vector<uint32_t> tuple_groups_;  // by tuple and space; kNone: not needed so far
  std::vector<bool> overflowed_;
  size_t group_bytes_ = 0;
};

// Identity of a group within its group space, for dictionaries: lengths and bytes of its values.
std::string encode_group(const std::vector<std::string>& values);
// Which partials partition holds the group: the same for all views of one `by`.
uint64_t hash_group(uint64_t group_space, const std::vector<std::string>& values);

}  // namespace tocsin
