#include "operators/window_state.h"

#include <algorithm>

namespace tocsin {

const Total WindowState::kNothing;

void WindowState::mark_changed(uint64_t group, EventTime tick) {
  Group& state = groups_.at(group);
  if (state.changed_at == tick) return;
  state.changed_at = tick;
  changed_.push_back(group);
}

void WindowState::skip_to(EventTime tick) {
  const EventTime passed = floor_to(tick - Duration{1}, window_.interval);
  if (head_ == EventTime::min() || window_.head(passed) <= head_) return;
  tail_ = window_.tail(passed);
  head_ = window_.head(passed);
}

void WindowState::on_rows(EventTime start, Duration width, EventTime now, EventTime first_tick, const PaneRows& rows) {
  if (start < tail_) return;
  const EventTime enters = std::max(now, start + width + window_.offset);
  due_ = std::min(due_, std::max(first_tick, ceil_to(enters, window_.interval)));
  if (start >= head_) return;
  for (const auto& [group, partial] : rows) {
    Group& state = groups_.at(group);
    state.total.add(partial.total);
    state.candidate.raise({partial.last_event, partial.last_latency_event});
    late_groups_.push_back(group);
  }
}

Status WindowState::tick(EventTime tick, std::vector<uint64_t>& emptied) {
  changed_.clear();
  const EventTime new_tail = window_.tail(tick);
  const EventTime new_head = window_.head(tick);
  const auto leave = [&](EventTime, uint64_t group, const Partial& partial) {
    Group& state = groups_.at(group);
    const bool had_latency = state.total.latency_count > 0;
    state.total.subtract(partial.total);
    mark_changed(group, tick);
    if (state.total.empty() || (had_latency && state.total.latency_count == 0)) emptied.push_back(group);
  };
  const auto enter = [&](EventTime, uint64_t group, const Partial& partial) {
    Group& state = groups_.at(group);
    state.total.add(partial.total);
    state.last.raise({partial.last_event, partial.last_latency_event});
    mark_changed(group, tick);
  };
  if (head_ != EventTime::min()) TOCSIN_RETURN_IF_ERROR(panes_.read_counters(window_.view, tail_, std::min(new_tail, head_), tick, leave));
  TOCSIN_RETURN_IF_ERROR(panes_.read_counters(window_.view, std::max(head_, new_tail), new_head, tick, enter));
  for (const uint64_t group : late_groups_) {
    Group& state = groups_.at(group);
    // If the newest of them has left, all have.
    if (state.candidate.event >= new_tail) state.last.event = std::max(state.last.event, state.candidate.event);
    if (state.candidate.latency_event >= new_tail)
      state.last.latency_event = std::max(state.last.latency_event, state.candidate.latency_event);
    state.candidate = {};
    mark_changed(group, tick);
  }
  late_groups_.clear();
  tail_ = new_tail;
  head_ = new_head;
  due_ = next_leave();
  // What waits for a window with an offset is stored already, but enters only later.
  if (const EventTime waiting = panes_.first_pane(window_.view, head_, EventTime::max(), window_.step); waiting != EventTime::max()) {
    due_ = std::min(due_, std::max(tick + window_.interval, ceil_to(waiting + window_.offset + Duration{1}, window_.interval)));
  }
  return {};
}

EventTime WindowState::next_leave() const {
  const EventTime first = panes_.first_pane(window_.view, tail_, head_, window_.step);
  if (first == EventTime::max()) return EventTime::max();
  return ceil_to(floor_to(first, window_.step) + window_.step + window_.length + window_.offset, window_.interval);
}

Status WindowState::rebuild(EventTime evaluated, EventTime first_tick, const GroupCheck& check) {
  const EventTime tick = floor_to(evaluated, window_.interval);
  Status checked;
  const auto look = [&](EventTime, uint64_t group, const Partial&) {
    if (checked.ok()) checked = check(group);
  };
  const auto add = [&](EventTime effect, uint64_t group, const Partial& partial) {
    look(effect, group, partial);
    if (!checked.ok()) return;
    Group& state = groups_.at(group);
    state.total.add(partial.total);
    const LastEvents seen{partial.last_event, partial.last_latency_event};
    if (effect <= tick) {
      state.last.raise(seen);
    } else {
      state.candidate.raise(seen);
      late_groups_.push_back(group);
    }
  };
  if (tick >= first_tick) {
    tail_ = window_.tail(tick);
    head_ = window_.head(tick);
    TOCSIN_RETURN_IF_ERROR(panes_.read_counters(window_.view, tail_, head_, evaluated, add));
    // Ticking once more than needed changes nothing; it finds out what is due.
    due_ = tick + window_.interval;
  } else {
    due_ = first_tick;
  }
  // Rows that the window has still to come to: a group that is missing must be missed before its id can be given out again.
  TOCSIN_RETURN_IF_ERROR(panes_.read_counters(window_.view, std::max(head_, window_.tail(first_tick)), evaluated, evaluated, look));
  return checked;
}

void WindowState::forget(uint64_t group) { groups_.forget(group); }

}  // namespace tocsin
