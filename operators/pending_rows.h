#pragma once

// Rows whose tick has not come: they belong to a pane that is still open, or were late and take effect only later (DESIGN 5, "unsettled").
// They live in memory and are rebuilt from the partials log, from rewind_offset() on.
//
// Thread:     worker-confined.
// Invariants: rows of one pane and effect are merged in log order, so the same frames give the same sketches.

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "engine/base/time.h"
#include "operators/pane_store.h"
#include "operators/total.h"

namespace tocsin {

class PendingRows {
 public:
  // Rows of the level-0 panes of the views, by view and start; ascending by group.
  using Panes = std::map<int, std::map<EventTime, PaneRows>>;

  // True if this is the first row of the group in that pane.
  bool add(EventTime effect, int view, EventTime start, uint64_t group, const Partial& partial, int64_t offset);

  // EventTime::max() if there is none.
  EventTime next_effect() const { return slots_.empty() ? EventTime::max() : slots_.begin()->first; }
  // Takes out the rows that take effect at next_effect().
  Panes take_next();
  // The offset of the oldest frame that brought one of them.
  std::optional<int64_t> rewind_offset() const;
  // Memory that the rows hold; an estimate.
  size_t bytes() const { return bytes_; }

 private:
  struct Slot {
    int64_t oldest_offset;
    size_t bytes = 0;
    std::map<std::pair<int, EventTime>, absl::flat_hash_map<uint64_t, Partial>> panes;
  };
  std::map<EventTime, Slot> slots_;
  size_t bytes_ = 0;
};

}  // namespace tocsin
