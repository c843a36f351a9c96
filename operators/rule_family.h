#pragma once

// Rules that differ only in the constant that one aggregate is compared with: `error_rate[5m] > 1%`, `> 2%`, `> 5%`.
//
// Ordered from the easiest to the hardest to make true, those that are true of a group come first. So their verdicts are one number, found
// by a search that begins where it stood at the last tick; only rules whose verdict has changed need a look. What a tick costs does not
// grow with their number. Every rule is in exactly one family, most of them alone.
//
// Thread:     worker-confined.
// Invariants: rules of a family share group space, interval, retention, windows, `min_events`, `no_data`, and have no `resolve`, unless it
//             has one rule.

#include <cstdint>
#include <utility>
#include <vector>

#include "operators/paged.h"
#include "operators/plan.h"

namespace tocsin {

class RuleFamily {
 public:
  // How the family's verdicts on a group stood when it was last asked.
  struct Standing {
    enum class Kind : uint8_t { kUnknown, kNoValue, kValue };
    Kind kind = Kind::kUnknown;
    uint32_t true_rules = 0;  // kValue: the first so many rules
    friend bool operator==(const Standing&, const Standing&) = default;
  };
  // Places of rules: [first, second).
  using Places = std::pair<uint32_t, uint32_t>;

  // `rules`: indices into Plan::rules, in the family's order.
  RuleFamily(const Plan& plan, std::vector<int> rules);

  const std::vector<int>& rules() const { return rules_; }
  // The rule that stands for all in what they share.
  const PlannedRule& shared() const { return *shared_; }
  bool uses(int window) const;

  // How it stands now. `before`: where the search begins.
  Standing find_standing(GroupWindows& windows, const Standing& before) const;
  // The rules whose verdict is not the one that it was.
  Places changed(const Standing& before, const Standing& now) const;

  // --- Groups.

  bool is_known(uint64_t group) const {
    if (shared_->by.empty()) return true;
    const Group* found = groups_.find(group);
    return found != nullptr && found->known;
  }
  void set_known(uint64_t group, bool value) { groups_.at(group).known = value; }
  Standing& standing(uint64_t group) { return groups_.at(group).standing; }
  // The group is gone, and nothing will ask for it again.
  void forget(uint64_t group) { groups_.forget(group); }
  size_t memory_bytes() const { return (dirty_.capacity() + 2 * due_.capacity()) * sizeof(uint64_t) + groups_.bytes(); }

  // --- Work of one tick.

  // Its windows have changed for the group.
  void mark_dirty(uint64_t group, EventTime tick) {
    EventTime& dirty_at = groups_.at(group).dirty_at;
    if (dirty_at == tick) return;
    dirty_at = tick;
    dirty_.push_back(group);
  }
  // Time has come for one of its rules.
  void mark_due(uint64_t group, int rule, EventTime tick) {
    mark_dirty(group, tick);
    due_.emplace_back(group, rule);
  }
  bool has_work() const { return !dirty_.empty(); }
  // Groups to look at, ascending, each with the rules that are due beside those whose verdict changes. Nothing is left to do after it.
  struct Work {
    std::vector<uint64_t> groups;
    std::vector<std::pair<uint64_t, int>> due;  // ascending
  };
  Work take_work();

 private:
  struct Group {
    EventTime dirty_at = EventTime::min();  // the tick for which it is listed in dirty_
    Standing standing;
    bool known = false;  // an expiry timer is set
  };

 public:
  // Of a group: its entry and its places in dirty_, which doubles; and its places in due_ for each of the rules.
  static constexpr size_t kBytesByGroup = sizeof(Group) + 2 * sizeof(uint64_t);
  static constexpr size_t kBytesByGroupAndRule = 2 * sizeof(std::pair<uint64_t, int>);

 private:
  const Plan& plan_;
  std::vector<int> rules_;
  const PlannedRule* shared_;
  Paged<Group> groups_;
  std::vector<uint64_t> dirty_;
  std::vector<std::pair<uint64_t, int>> due_;
};

// All rules of the plan, in families; families in the order of their first rules.
std::vector<RuleFamily> families_of(const Plan& plan);

}  // namespace tocsin
