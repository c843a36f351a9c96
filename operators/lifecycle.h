#pragma once

// The life of an alert instance: one rule, one group of labels (SPEC 4).
//
//                 verdict true                for and cooldown over
//    (inactive) ───────────────► pending ─────────────────────────────► firing
//        ▲                          │ verdict false                        │ end condition held for keep_firing_for
//        └──────────────────────────┴──────────────────────────────────────┘
//
//   from       to         when                                                       published
//   inactive   pending    verdict true                                               nothing
//   pending    firing     T - active_at >= for, and cooldown since the last start    firing
//   pending    inactive   verdict false; group forgotten                             nothing
//   firing     inactive   end condition held at every tick for keep_firing_for       resolved
//   firing     inactive   group forgotten                                            resolved, reason group_expired
//
// Inactive to firing within one tick is the first two rows at once (`for: 0`).
//
// Thread: plain values.

#include <cstdint>
#include <optional>

#include "engine/base/time.h"

namespace tocsin {

enum class Phase { kInactive, kPending, kFiring };

struct Instance {
  Phase phase = Phase::kInactive;
  EventTime active_at;
  EventTime starts_at;
  std::optional<EventTime> end_since;  // firing: the first tick from which the end condition has held
  // Ticks without a value under `no_data: keep` count neither into `for` nor into keep_firing_for.
  Duration frozen;                     // such time since active_at (pending) or since end_since (firing)
  std::optional<EventTime> frozen_at;  // the first tick of a stretch of them that has not ended
  std::optional<WallTime> arrival;     // of the oldest record that may have made the verdict true at active_at; set by the evaluator
  // What outlives an episode.
  uint64_t sequence = 0;  // of the last alert event
  std::optional<EventTime> last_starts_at;
  std::optional<EventTime> last_event_at;

  friend bool operator==(const Instance&, const Instance&) = default;
};

struct LifecycleTiming {
  Duration hold;  // `for`
  Duration keep_firing_for;
  Duration cooldown;
};

// What a tick found. Frozen: `no_data: keep` and expr has no value.
enum class Verdict { kFalse, kTrue, kFrozen };

enum class Transition { kNone, kFiring, kResolved };

// Evaluates tick T. `ends`: the end condition's second half, `resolve` true or absent (looked at only while firing and not true).
// Ticks between the last call and this one, at which nothing had changed, may have been left out: they had the last call's verdict.
Transition step(Instance& instance, const LifecycleTiming& timing, EventTime tick, Verdict verdict, bool ends);

// Forgets the group at tick T: a pending instance vanishes, a firing one is resolved.
Transition expire(Instance& instance);

// The first instant at which time alone changes the instance while its verdict stays as it is; EventTime::max() if never.
EventTime next_change(const Instance& instance, const LifecycleTiming& timing);

}  // namespace tocsin
