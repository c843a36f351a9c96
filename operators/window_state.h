#pragma once

// Running totals of one window over all groups of a partition: what enters is added, what leaves is subtracted, so that a rule costs O(1) a
// tick.
//
// Thread:     worker-confined.
// Invariants: between ticks totals are the sum of the stored panes in [tail, head), late rows included as soon as they take effect; so a
//             tick only has to read what enters and what leaves.
// Failure:    the pane store's errors are passed on.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "operators/paged.h"
#include "operators/pane_store.h"
#include "operators/plan.h"
#include "operators/total.h"

namespace tocsin {

// When groups were last seen in a window (SPEC 2, "Groups"). EventTime::min(): never.
struct LastEvents {
  EventTime event = EventTime::min();
  EventTime latency_event = EventTime::min();

  void raise(const LastEvents& other) {
    event = std::max(event, other.event);
    latency_event = std::max(latency_event, other.latency_event);
  }
};

class WindowState {
 public:
  WindowState(const Window& window, PaneStore& panes) : window_(window), panes_(panes) {}

  // Ticks before `tick` have passed at which nothing changed (due() is not before `tick`): moves the bounds past them, so that rows which
  // are too late for any window to come are told from those that are not.
  void skip_to(EventTime tick);

  // Rows of level-0 pane `start` took effect at `now` and are in the pane store. A late row inside the window is added at once.
  void on_rows(EventTime start, Duration width, EventTime now, EventTime first_tick, const PaneRows& rows);

  // Moves the window to tick T. changed() then lists the groups whose total may have changed; `emptied` (not null) gets those that have
  // become empty.
  Status tick(EventTime tick, std::vector<uint64_t>& emptied);

  // Whether there is such a group; if not, why that must not be.
  using GroupCheck = std::function<Status(uint64_t group)>;
  // Rebuilds the totals as they stood after the tick before `evaluated` inclusive; `first_tick` as in on_rows. Fails as `check` does with
  // the first group of a row that it refuses.
  Status rebuild(EventTime evaluated, EventTime first_tick, const GroupCheck& check);

  // The next tick at which something enters or leaves; EventTime::max() if none.
  EventTime due() const { return due_; }
  const std::vector<uint64_t>& changed() const { return changed_; }

  const Total& total(uint64_t group) const {
    const Group* found = groups_.find(group);
    return found != nullptr ? found->total : kNothing;
  }
  LastEvents last_events(uint64_t group) const {
    const Group* found = groups_.find(group);
    return found != nullptr ? found->last : LastEvents();
  }
  void restore_last_events(uint64_t group, const LastEvents& last) { groups_.at(group).last.raise(last); }
  void forget(uint64_t group);

  // Memory of the totals, of which each has `heap_bytes` beside itself; an estimate from above.
  size_t memory_bytes(size_t heap_bytes) const {
    return groups_.bytes() + groups_.capacity() * heap_bytes + changed_.capacity() * sizeof(uint64_t);
  }

 private:
  struct Group {
    Total total;
    LastEvents last;
    LastEvents candidate;  // of rows that came between ticks: they count only if still inside at the next tick
    EventTime changed_at = EventTime::min();
  };
  static const Total kNothing;

 public:
  // Of a group: its total, and its places in the lists below, which double.
  static constexpr size_t bytes_by_group(size_t heap_bytes) { return sizeof(Group) + heap_bytes + 4 * sizeof(uint64_t); }

 private:
  void mark_changed(uint64_t group, EventTime tick);
  EventTime next_leave() const;

  const Window& window_;
  PaneStore& panes_;
  Paged<Group> groups_;  // by group id
  EventTime tail_ = EventTime::min();
  EventTime head_ = EventTime::min();
  EventTime due_ = EventTime::max();
  std::vector<uint64_t> late_groups_;  // with a candidate
  std::vector<uint64_t> changed_;
};

}  // namespace tocsin
