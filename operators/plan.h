#pragma once

// What the loaded rules need of the event stream: views, windows over them, and one program per rule.
//
// A view is a selection of events with a grouping: (matchers, by). Everything that any rule asks of the same selection and grouping is
// kept once, whatever the number of rules (DESIGN invariant 1): counters, counts above thresholds, predicate counters, a sketch. A window
// is a length of a view at a tick interval; it has one running total per group.
//
// Thread:     immutable after compile_plan; shared by all workers.
// Invariants: (1) equal (matchers, by) means equal view id, across processes and rule versions;
//             (2) a view's pane divides the interval, tail step and offset of each of its windows, and each level divides the next;
//             (3) thresholds of a view are ascending and unique.
// Failure:    none; the loader has rejected what cannot be compiled.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "operators/event/event.h"
#include "operators/predicate.h"
#include "operators/rules/rule.h"
#include "operators/verdict.h"

namespace re2 {
class RE2;
}

namespace tocsin {

// One matcher with its slot in the FieldPlan; the regular expression is compiled.
struct SlotMatcher {
  int slot = 0;
  rules::Matcher::Op op = rules::Matcher::Op::kEqual;
  std::string value;
  std::shared_ptr<const re2::RE2> pattern;  // kMatches, kNotMatches

  bool matches(std::string_view text) const;
};

// A level of the pane ladder of a view.
struct Level {
  Duration width;
  Duration retention;  // how long after its end a pane of this level may still be read
  // False: of sketches only late ones are stored; the others are put together from the level below whenever somebody asks.
  bool stores_sketches = true;
};

struct View {
  uint64_t id = 0;          // content hash of matchers and by
  std::string description;  // `{domain="chat"} by (region)`: the hash's text, for messages
  std::vector<SlotMatcher> matchers;
  std::vector<std::string> by;       // sorted by bytes
  std::vector<int> by_slots;         // FieldPlan slots of `by`
  int group_space = 0;               // views and rules with one `by` share group ids
  std::vector<uint64_t> thresholds;  // microseconds t; what is counted is latency > t
  std::vector<EventPredicate> predicates;
  bool latency = false;  // some aggregate reads latencies: keep min, max, sum, counts above thresholds and a sketch
  Duration pane;         // finest pane; equals levels[0].width
  std::vector<Level> levels;
};

// A window length of a view, as evaluated at the ticks of one interval.
struct Window {
  int view = 0;
  Duration length;
  Duration step;  // tail step s (SPEC 2)
  Duration offset;
  Duration interval;

  // The window at tick T covers event times in [tail(T), head(T)).
  EventTime tail(EventTime tick) const { return floor_to(tick - offset - length, step); }
  EventTime head(EventTime tick) const { return tick - offset; }
};

// A rule, ready to be evaluated.
struct PlannedRule {
  rules::AlertRule rule;
  uint64_t id = 0;              // FNV-1a of the rule's name
  std::vector<std::string> by;  // sorted by bytes
  int group_space = 0;
  Program program;
  std::optional<Program> resolve;
  std::vector<int> windows;          // of expr: indices into Plan::windows, each once
  std::vector<int> resolve_windows;  // of resolve
  Duration retention;                // after its last event a group is forgotten
};

// Groups of one `by` list: they share ids, whatever the view.
struct GroupSpace {
  uint64_t id = 0;              // content hash of `by`
  std::vector<std::string> by;  // sorted by bytes
};

struct Plan {
  Duration resolution{250};
  FieldPlan fields;
  std::vector<GroupSpace> group_spaces;
  std::vector<View> views;
  std::vector<Window> windows;
  std::vector<PlannedRule> rules;  // enabled ones
  Duration pane;                   // greatest common divisor of all views' panes: what stage 1 accumulates in
  uint64_t version = 0;            // content hash of the views: of what stage 1 counts

  // Compiled forms of the matchers inside predicates.
  std::vector<SlotMatcher> predicate_matchers;

  // Index of the view, or -1.
  int find_view(uint64_t id) const;
  // Whether a matcher of a predicate holds for that text.
  bool matches(const rules::Matcher& matcher, std::string_view text) const;
};

// The tail step of a window of that length: the largest of {R, 1 s, 5 s, 1 m, 5 m, 1 h, 6 h} that is <= max(R, W/300).
Duration tail_step(Duration window, Duration resolution);

struct PlanOptions {
  Duration resolution{250};
  Duration group_retention{24LL * 3600 * 1000};
};

// Of the enabled rules.
std::shared_ptr<const Plan> compile_plan(const rules::RuleSet& rules, const PlanOptions& options);

}  // namespace tocsin
