#pragma once

// Parts of the evaluator that its source files share.

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "operators/evaluator.h"

namespace tocsin {

// Something that has to be looked at when its time has come, though no row brings it about.
struct Evaluator::Timer {
  enum class Kind : uint8_t { kExpire, kEvaluate, kCleanUp };
  EventTime at;
  Kind kind;
  int owner;  // index of the rule; kExpire: of the family; kCleanUp: of the group space
  uint64_t group;

  auto order() const { return std::tuple(at, kind, owner, group); }
};

// What a total of the view holds beside itself.
inline size_t heap_bytes_by_total(const View& view) { return (view.thresholds.size() + view.predicates.size()) * sizeof(uint64_t); }

// One group at one tick, as rule programs see it.
class Evaluator::GroupView : public GroupWindows {
 public:
  GroupView(Evaluator& evaluator, uint64_t group, EventTime tick) : evaluator_(evaluator), group_(group), tick_(tick) {}

  const Total& total(int window) override { return evaluator_.windows_[static_cast<size_t>(window)].total(group_); }
  const WindowSketch& sketch(int window) override;
  uint64_t group() const { return group_; }
  EventTime tick() const { return tick_; }

 private:
  Evaluator& evaluator_;
  uint64_t group_;
  EventTime tick_;
  std::map<int, WindowSketch> sketches_;
};

// Content hash of what makes an instance another one: the rule's parsed expression and its grouping (SPEC 4.7).
uint64_t definition_hash(const PlannedRule& rule);
// Of all that decides verdicts: under another hash a group may have another one, though nothing of it has changed.
uint64_t verdicts_hash(const Plan& plan);
// Stable name of a window in the state.
uint64_t window_hash(const Plan& plan, const Window& window);
// By group space: how long after the last row of a group took effect no rule remembers the group, and no pane that some window may read
// holds a row of it.
std::vector<Duration> group_lifetimes(const Plan& plan);
Duration longest_interval(const Plan& plan);

// The same of windows that differ only in the interval of their ticks.
uint64_t window_hash_of_any_interval(const Plan& plan, const Window& window);
std::string encode_last_events(const LastEvents& last, uint64_t any_interval);

}  // namespace tocsin
