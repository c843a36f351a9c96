#pragma once

// Stage 2 for one partials partition: frames in, alert events out, state in between (DESIGN 5).
//
//   apply(frame) ─► rows wait for their tick (PendingRows); ranges and watermarks (InputTracker)
//   advance()    ─► for each tick up to the watermark at which anything can change:
//                     rows take effect -> panes -> roll-ups -> windows move -> groups expire -> rules are evaluated
//   seal()       ─► position row, and the batch of all state changes since the last seal; the caller commits it with the alerts
//
// Thread:     worker-confined.
// Lifetime:   plan and store must outlive it.
// Invariants: (1) all state is a function of the frames applied, in order; (2) nothing is written to the store here;
//             (3) ticks are evaluated once, in order, and those at which nothing can change are skipped.
// Failure:    kDataLoss for frames or stored state that contradict each other, the store's errors otherwise. The evaluator is then
//             unusable: make a new one from the committed state.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <vector>

#include "engine/base/status.h"
#include "operators/alerts.h"
#include "operators/arrivals.h"
#include "operators/frame_assembler.h"
#include "operators/groups.h"
#include "operators/input_tracker.h"
#include "operators/pane_store.h"
#include "operators/pending_rows.h"
#include "operators/plan.h"
#include "operators/rule_family.h"
#include "operators/rule_state.h"
#include "operators/window_state.h"
#include "state/overlay.h"
#include "tocsin/v1/alert.pb.h"
#include "tocsin/v1/partial.pb.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {

struct EvaluatorOptions {
  uint32_t partition = 0;
  uint32_t partitions = 1;         // of the partials topic
  std::optional<EventTime> until;  // at the end of files: evaluate at least up to here
  GroupLedger* ledger = nullptr;   // tells stage 1 which groups are here
};

struct EvaluatorCounters {
  uint64_t frames = 0;
  uint64_t duplicate_frames = 0;
  uint64_t rows = 0;
  uint64_t rows_of_unknown_views = 0;
  uint64_t ticks = 0;
  uint64_t alerts = 0;
};

struct RaisedAlert {
  v1::AlertEvent event;
  std::optional<WallTime> arrival;  // firing: of the oldest record that may have made the verdict true, if one did
};

class Evaluator {
 public:
  Evaluator(std::shared_ptr<const Plan> plan, const state::Store& store, const EvaluatorOptions& options);
  ~Evaluator();

  // Reads the committed state. Reading partials then has to go on at rewind_offset().
  Status restore();
  // The offset of the partials record to apply next (nothing committed: none), and the one from which reading must start.
  std::optional<int64_t> next_offset() const { return next_offset_; }
  std::optional<int64_t> rewind_offset() const { return restored_rewind_offset_; }

  // One record of the partials partition. Records below the committed offset only bring back rows that had not taken effect.
  Status apply(std::string_view record, int64_t offset);

  // Evaluates ticks up to the watermark, but stops once the open changes exceed `budget_bytes`: true if there is more to do.
  Result<bool> advance(size_t budget_bytes);

  // Closes the changes since the last seal, with the position after the last applied record; `position` is where reading goes on,
  // `changelog_end` where the changelog ends, as far as is known.
  std::shared_ptr<const state::WriteBatch> seal(int64_t position, int64_t changelog_end);
  // The store has the oldest sealed batch.
  void release() { overlay_.release_oldest(); }

  // Alert events since the last call, in order of evaluation.
  std::vector<RaisedAlert> take_alerts();
  bool has_alerts() const { return !alerts_.empty(); }
  bool has_changes() const { return !overlay_.open_empty() || !alerts_.empty(); }

  // All ticks up to here have been evaluated; nothing before the first one.
  std::optional<EventTime> evaluated() const { return evaluated_; }
  std::optional<EventTime> watermark() const { return inputs_.watermark(); }
  std::string slowest_input() const { return inputs_.slowest(); }
  size_t group_count() const;
  // Of the rule at that place in the plan.
  LiveInstances live_instances(size_t rule) const { return rules_[rule].live_instances(); }
  // Memory by what it is held for; estimates. `groups` and `totals` grow with the number of groups, which stage 1 bounds (group_ledger.h).
  struct Memory {
    size_t groups = 0;   // names, instances, timers
    size_t totals = 0;   // of windows
    size_t waiting = 0;  // rows whose tick has not come
    size_t changes = 0;  // written, and not in the store yet
    size_t total() const { return groups + totals + waiting + changes; }
  };
  Memory memory() const;
  // Of a timer in a heap that doubles.
  static constexpr size_t kTimerBytes = 64;
  const EvaluatorCounters& counters() const { return counters_; }

 private:
  class GroupView;
  struct Timer;
  struct TimerLater {
    bool operator()(const Timer& a, const Timer& b) const;
  };

  Groups& groups_of(int group_space) { return groups_[static_cast<size_t>(group_space)]; }
  bool owns(int group_space, const std::vector<std::string>& values) const;

  // Frames.
  struct FramePlace {
    int64_t offset;
    EventTime not_before;  // no row takes effect before this tick
    bool replayed;         // it was applied before the restart: only rows that had not taken effect count
    std::optional<WallTime> oldest_record;
  };
  // With the frame's place, and what to do.
  Status refused(const Status& status, int64_t offset) const;
  Status apply_rows(const v1::ViewRows& rows, const FramePlace& place);

  // Ticks.
  void begin_ticks();
  EventTime limit() const;
  EventTime horizon(Duration interval) const;
  EventTime first_tick(Duration interval) const { return next_multiple(*start_, interval); }
  EventTime next_tick() const;
  Status process(EventTime tick);
  Status settle_rows(EventTime tick);
  void store_groups(int view, const PaneRows& rows, EventTime tick);
  Status move_windows(EventTime tick);
  void run_timers(EventTime tick);
  Status evaluate_dirty(EventTime tick);

  // Rules.
  Status evaluate_family(RuleFamily& family, uint64_t group, EventTime tick, std::span<const std::pair<uint64_t, int>> due);
  Status evaluate_rule(RuleState& state, GroupView& view);
  void expire_group(RuleFamily& family, uint64_t group, EventTime tick);
  void transit(RuleState& state, GroupView& view, const std::function<Transition(Instance&, GroupView&)>& change,
               const std::string& reason);
  LastEvents last_events(const RuleFamily& family, uint64_t group) const;
  void tell_of_progress(v1::Evidence& evidence) const;
  std::optional<WallTime> arrival_of(const RuleState& state, uint64_t group, EventTime tick) const;
  void schedule_expiry(RuleFamily& family, uint64_t group, EventTime seen);
  void clean_up_group(int group_space, uint64_t group, EventTime tick);
  // Looks at the instance again when time alone moves it on after `tick`: `for`, `keep_firing_for` and `cooldown` run out.
  void await_change(const RuleState& state, uint64_t group, const Instance& instance, EventTime tick);
  Instance load_instance(const RuleState& state, uint64_t group, EventTime tick);
  void store_instance(const RuleState& state, uint64_t group, const Instance& instance, const v1::AlertEvent* last_event);

  void keep_last_event(const std::string& key, v1::InstanceRow& row);

  // Loading.
  Status restore_groups();
  // Rows of a group that is not stored are damage: they could not even be named.
  Status check_group(int group_space, uint64_t group) const;
  Status restore_last_events();
  Status restore_instances();
  // `other_rules`: verdicts of before may have been other ones.
  void restore_timers(bool other_rules);
  void resolve_orphans(EventTime tick);

  std::shared_ptr<const Plan> plan_;
  EvaluatorOptions options_;
  state::Overlay overlay_;
  PaneStore panes_;
  std::deque<Groups> groups_;        // by group space
  std::vector<Duration> lifetimes_;  // of groups, by group space
  uint64_t verdicts_hash_ = 0;
  Duration longest_interval_;         // of the rules
  std::vector<WindowState> windows_;  // as in the plan
  std::vector<RuleState> rules_;      // as in the plan
  std::vector<RuleFamily> families_;
  InputTracker inputs_;
  FrameAssembler assembler_;
  std::set<int64_t> repeated_;         // frames, by the offset of the last part, that were dropped, and have to be when read again
  std::map<int64_t, EventTime> held_;  // frames, by offset, whose rows may not take effect before a tick
  PendingRows pending_;
  Arrivals arrivals_;  // of the rows in pending_, and of those that took effect within the longest interval
  std::priority_queue<Timer, std::vector<Timer>, TimerLater> timers_;
  // Instances of rules that are gone or have changed: resolved at the first tick (SPEC 4.7).
  struct Orphan {
    std::string key;
    v1::InstanceRow row;
    std::string reason;
  };
  std::vector<Orphan> orphans_;
  std::optional<EventTime> start_;
  std::optional<EventTime> evaluated_;
  std::optional<int64_t> next_offset_;
  std::optional<int64_t> restored_rewind_offset_;
  std::vector<RaisedAlert> alerts_;
  EvaluatorCounters counters_;
  Status failure_;  // of a read within an evaluation
};

}  // namespace tocsin
