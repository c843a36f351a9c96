#pragma once

// Closed panes of the views of one partials partition, on the ladder of levels, in the state store (DESIGN 5).
//
// Stored time-major: a pane is one or a few blocks of many groups, so that what enters or leaves a window is one sequential read.
// Rows that come late to a closed pane are further blocks of it, keyed by the tick at which they took effect: nothing is ever rewritten.
//
//   level 0   |..|..|..|..|   written when the evaluation passes a pane's end
//   level 1   |.....|.....|   rolled up from level 0 at its own end
//   level 2   |...........|   and so on
//
// Thread:     worker-confined.
// Invariants: (1) a pane that has ended holds exactly the rows of its time whose effect has come, at every level that still keeps it;
//             (2) writes go to the overlay only: they are durable when its batch is.
// Failure:    the store's errors are passed on; damaged blocks are kDataLoss.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "operators/keys.h"
#include "operators/plan.h"
#include "operators/rows_codec.h"
#include "operators/sketch_cache.h"
#include "operators/total.h"
#include "state/overlay.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {

// Rows of one pane, ascending by group id.
using PaneRows = std::vector<std::pair<uint64_t, Partial>>;

class PaneStore {
 public:
  PaneStore(const Plan& plan, state::Overlay& overlay, uint32_t partition);

  // Learns which panes there are; `evaluated`: ticks up to here have been evaluated. Once, before all else.
  Status load(EventTime evaluated);

  // Rows of level-0 panes of a view, by their start: all that take effect at `effect`, in one call. They go to every level whose pane has
  // ended before `effect`; the others get them when they are rolled up.
  void add(int view, EventTime effect, const std::map<EventTime, PaneRows>& panes);

  // The next end of a pane that has to be rolled up; EventTime::max() if none.
  EventTime next_roll_up() const { return roll_ups_.empty() ? EventTime::max() : std::get<0>(*roll_ups_.begin()); }
  // Rolls up all panes that end at `now`. Call after the rows that take effect then have been added.
  Status roll_up(EventTime now);

  using CountersVisitor = std::function<void(EventTime effect, uint64_t group, const Partial& partial)>;
  // Visits the rows of all panes in [from, to), the coarsest ended panes that fit; their partials have counters only.
  // `now`: what ended at or before it is closed.
  Status read_counters(int view, EventTime from, EventTime to, EventTime now, const CountersVisitor& visit);
  // Puts the sketches of one group in a window of the plan at a tick together. The same for the same rows, whatever was asked before.
  Status read_sketch(int window, uint64_t group, EventTime tick, WindowSketch& sketch);

  // The start of the first pane in [from, to) that holds anything, at a level no wider than `width`; max() if none.
  EventTime first_pane(int view, EventTime from, EventTime to, Duration width) const;

  // Memory of the index of panes, an estimate, and of the sketches that are kept. The panes themselves are in the store.
  size_t memory_bytes() const;

  // Deletes what no window can read any more.
  Status expire(EventTime now);

 private:
  // Which panes of a level exist, by start.
  using Index = std::set<EventTime>;
  struct Piece {
    size_t level;
    EventTime start;
  };

  const View& view(int index) const { return plan_.views[static_cast<size_t>(index)]; }
  Index& index(int view, size_t level) { return indices_[static_cast<size_t>(view)][level]; }
  const Index& index(int view, size_t level) const { return indices_[static_cast<size_t>(view)][level]; }
  std::vector<Piece> cover(int view, EventTime from, EventTime to, EventTime now) const;
  void write(int view, size_t level, EventTime start, EventTime effect, const PaneRows& rows);
  void write_blocks(int view, size_t level, EventTime start, EventTime effect, const PaneRows& rows, keys::PanePart part);
  void schedule_roll_up(int view, size_t level, EventTime start, EventTime now);
  Status roll_up_pane(int view, size_t level, EventTime start, EventTime end);
  Status roll_up_counters(int view, size_t level, EventTime start, EventTime end, std::map<uint64_t, Partial>& merged);
  Status roll_up_sketches(int view, size_t level, EventTime start, EventTime end, std::map<uint64_t, Partial>& merged);
  using BlockVisitor = std::function<Status(EventTime start, EventTime effect, std::string_view block)>;
  // Visits the blocks of all panes of a level that begin in [from, to).
  Status read_blocks(int view, size_t level, EventTime from, EventTime to, keys::PanePart part, const BlockVisitor& visit);
  Status read_counters_of(int view, size_t level, EventTime from, EventTime to, const CountersVisitor& visit);
  // Visits the sketches of all panes of a level that begin in [from, to): of a pane that has no rolled-up ones, those of the level below
  // that were in time for it, and its late ones. It goes by what is there: other rules, or another version, may have stored other levels.
  // `in_time_for`: only what took effect when the pane of that width ended, or before.
  Status read_sketches(int view, size_t level, EventTime from, EventTime to, std::optional<Duration> in_time_for,
                       const BlockVisitor& visit);
  // Puts together what the window's panes of a level and those above it hold, unless it is kept; `above`: without this level. The singles
  // of the window are there.
  Status complete_tier(int view, size_t level, const std::vector<Piece>& pieces, const WindowSketch& above, SketchCache::Entry& kept);
  // What one group has in them all.
  Status merge_pieces(int view, uint64_t group, const std::vector<Piece>& pieces, WindowSketch& sketch);
  Status merge_sketch(int view, const Piece& piece, uint64_t group, WindowSketch& extremes, SketchMerger& sketches);
  Status damaged_block(int view, EventTime start) const;
  // The reader refers to block_, so it is good for until the next call.
  Result<RowsReader> open_block(int view, keys::PanePart part, EventTime start, std::string_view bytes);

  const Plan& plan_;
  state::Overlay& overlay_;
  uint32_t partition_;
  std::vector<std::vector<Index>> indices_;                           // by view, level
  std::set<std::tuple<EventTime, size_t, int, EventTime>> roll_ups_;  // end, level, view, start
  SketchCache kept_;
  v1::PaneBlock block_;  // reused
};

}  // namespace tocsin
