#include "operators/evaluator.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/test_switches.h"
#include "operators/evaluator_internal.h"
#include "operators/format.h"
#include "operators/group_cost.h"
#include "operators/rows_codec.h"

namespace tocsin {

bool Evaluator::TimerLater::operator()(const Timer& a, const Timer& b) const { return a.order() > b.order(); }

Evaluator::Evaluator(std::shared_ptr<const Plan> plan, const state::Store& store, const EvaluatorOptions& options)
    : plan_(std::move(plan)), options_(options), overlay_(store), panes_(*plan_, overlay_, options.partition) {
  const std::vector<size_t> costs = group_costs(*plan_);
  for (size_t i = 0; i < costs.size(); ++i) groups_.emplace_back(options.partition, plan_->group_spaces[i].id, options.ledger, costs[i]);
  lifetimes_ = group_lifetimes(*plan_);
  longest_interval_ = longest_interval(*plan_);
  verdicts_hash_ = verdicts_hash(*plan_);
  for (const Window& window : plan_->windows) windows_.emplace_back(window, panes_);
  for (const PlannedRule& planned : plan_->rules) {
    RuleState& state = rules_.emplace_back();
    state.rule = &planned;
    state.index = static_cast<int>(rules_.size()) - 1;
    state.timing = {planned.rule.hold, planned.rule.keep_firing_for, planned.rule.cooldown};
    state.definition = definition_hash(planned);
  }
  families_ = families_of(*plan_);
  for (size_t f = 0; f < families_.size(); ++f) {
    for (const int rule : families_[f].rules()) rules_[static_cast<size_t>(rule)].family = static_cast<int>(f);
  }
}

Evaluator::~Evaluator() = default;

bool Evaluator::owns(int group_space, const std::vector<std::string>& values) const {
  return hash_group(plan_->group_spaces[static_cast<size_t>(group_space)].id, values) % options_.partitions == options_.partition;
}

size_t Evaluator::group_count() const {
  size_t count = 0;
  for (const Groups& groups : groups_) count += groups.live();
  return count;
}

Evaluator::Memory Evaluator::memory() const {
  Memory memory;
  for (const Groups& groups : groups_) memory.groups += groups.memory_bytes();
  for (const RuleState& state : rules_) memory.groups += state.memory_bytes();
  for (const RuleFamily& family : families_) memory.groups += family.memory_bytes();
  static_assert(kTimerBytes >= 2 * sizeof(Timer));
  memory.groups += timers_.size() * kTimerBytes + panes_.memory_bytes();
  for (size_t i = 0; i < windows_.size(); ++i) {
    const View& view = plan_->views[static_cast<size_t>(plan_->windows[i].view)];
    memory.totals += windows_[i].memory_bytes(heap_bytes_by_total(view));
  }
  memory.waiting = pending_.bytes();
  memory.changes = overlay_.bytes() + alerts_.size() * sizeof(RaisedAlert);
  return memory;
}

std::vector<RaisedAlert> Evaluator::take_alerts() { return std::exchange(alerts_, {}); }

// --- Frames

Status Evaluator::apply(std::string_view record, int64_t offset) {
  v1::Frame frame;
  if (!frame.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return refused(data_loss("the record is no frame"), offset);
  }
  TOCSIN_RETURN_IF_ERROR(check_frame_format(frame.format(), frame.worker(), options_.partition, offset));
  if (frame.partitions() != options_.partitions) {
    return data_loss(
        fmt::format("a frame was made for {} partials partitions, but the topic has {}: groups would be found in the wrong one. "
                    "The number of partials partitions must not change: start over with another `app` name and topics made anew",
                    frame.partitions(), options_.partitions));
  }
  const std::vector<FrameAssembler::Part> parts = assembler_.add(std::move(frame), offset);
  if (!parts.empty()) {
    const bool replayed = next_offset_ && offset < *next_offset_;
    if (!replayed) {
      const Result<InputTracker::Applied> applied = inputs_.apply(parts.back().frame);
      if (!applied.ok()) return refused(applied.status(), offset);
      if (applied->late_before) held_[offset] = next_multiple(*applied->late_before, plan_->resolution);
      ++counters_.frames;
      if (applied->novelty == InputTracker::Novelty::kDuplicate) {
        ++counters_.duplicate_frames;
        repeated_.insert(offset);
        next_offset_ = offset + 1;
        return {};
      }
    } else if (repeated_.contains(offset) && !test_switches::defect("repeated_frame_replayed")) {
      return {};
    }
    const auto held = held_.find(offset);
    const EventTime not_before = held == held_.end() ? EventTime::min() : held->second;
    for (const FrameAssembler::Part& part : parts) {
      const auto arrival = part.frame.has_oldest_record_ms() ? std::optional(WallTime{part.frame.oldest_record_ms()}) : std::nullopt;
      for (const v1::ViewRows& rows : part.frame.views()) {
        const Status applied = apply_rows(rows, {part.offset, not_before, replayed, arrival});
        if (!applied.ok()) return refused(applied, part.offset);
      }
    }
  }
  next_offset_ = std::max(next_offset_.value_or(0), offset + 1);
  return {};
}

Status Evaluator::refused(const Status& status, int64_t offset) const {
  return {
      status.code(),
      fmt::format("the frame at offset {} of partials partition {} cannot be applied: {}. The partition stops here, because "
                  "going on would count events twice or lose them. If the input topic was made anew, start over with another `app` name; "
                  "else keep the log for inspection",
                  offset, options_.partition, status.message())};
}

Status Evaluator::apply_rows(const v1::ViewRows& rows, const FramePlace& place) {
  const int v = plan_->find_view(rows.view());
  if (v < 0) {
    counters_.rows_of_unknown_views += static_cast<uint64_t>(rows.rows().group_size());
    return {};
  }
  const View& view = plan_->views[static_cast<size_t>(v)];
  const int labels = static_cast<int>(view.by.size());
  const int group_count = labels == 0 ? 1 : rows.labels_size() / labels;
  if (static_cast<int>(rows.labels_per_group()) != labels || rows.pane_ms() <= 0) {
    return data_loss(fmt::format("its rows of view {} have other labels than the view, or panes without a length", view.description));
  }
  Groups& groups = groups_of(view.group_space);
  std::vector<uint64_t> ids;
  ids.reserve(static_cast<size_t>(group_count));
  for (int g = 0; g < group_count; ++g) {
    ids.push_back(groups.find_or_add({rows.labels().begin() + g * labels, rows.labels().begin() + (g + 1) * labels}));
  }
  const std::vector<uint64_t> predicates = ids_of(view.predicates);
  Result<RowsReader> reader = RowsReader::open(rows.rows(), {true, true, rows.rows().sketch_size() > 0, predicates.size()}, view.thresholds,
                                               {rows.thresholds_us().begin(), rows.thresholds_us().end()}, predicates,
                                               {rows.predicates().begin(), rows.predicates().end()});
  if (!reader.ok()) return reader.status();
  Partial partial;
  while (reader->next()) {
    if (reader->group() >= ids.size())
      return data_loss(fmt::format("a row of view {} names a group that the frame does not list", view.description));
    const EventTime row_start{reader->pane() * rows.pane_ms()};
    TOCSIN_RETURN_IF_ERROR(reader->read(row_start.ms, partial));
    // Under other intervals the writer may have had wider panes, or such as do not divide ours: then the row counts as of the pane in which
    // it begins, from its own end on. The tail steps of a window do not change with its interval, so it leaves with the rest of its step.
    const EventTime start = floor_to(row_start, view.pane);
    const EventTime visible_from = row_start + Duration{rows.pane_ms()} + Duration{static_cast<int64_t>(reader->visible_from_ms())};
    const EventTime effect = std::max(place.not_before, ceil_to(std::max(start + view.pane, visible_from), plan_->resolution));
    if (test_switches::defect("late_rows_lost_in_replay") && place.replayed && reader->visible_from_ms() > 0) continue;
    ++counters_.rows;
    if (evaluated_ && effect <= *evaluated_) {
      if (place.replayed) continue;  // settled before the restart
      return data_loss(fmt::format("a row of view {} would have to take effect at {}, which has been evaluated", view.description,
                                   format_rfc3339(effect.ms)));
    }
    const uint64_t group = ids[reader->group()];
    if (place.oldest_record) arrivals_.note(effect, *place.oldest_record);
    if (pending_.add(effect, v, start, group, partial, place.offset)) ++groups.pending(group);
  }
  return {};
}

// --- Ticks

void Evaluator::begin_ticks() {
  start_ = inputs_.first_event();
  if (!start_) return;
  for (const RuleState& state : rules_) {
    // The group {} is known from the start: `count < 1` is true of it at the first tick.
    if (state.rule->by.empty() && owns(state.rule->group_space, {})) {
      const uint64_t group = groups_of(state.rule->group_space).find_or_add({});
      timers_.push({first_tick(state.rule->rule.interval), Timer::Kind::kEvaluate, state.index, group});
    }
  }
}

EventTime Evaluator::horizon(Duration interval) const {
  const std::optional<EventTime> end = inputs_.end();
  if (!end) return EventTime::max();
  const EventTime last = next_multiple(*end, interval);
  return options_.until ? std::max(last, floor_to(*options_.until, interval)) : last;
}

EventTime Evaluator::limit() const {
  if (!inputs_.end()) return floor_to(inputs_.watermark().value_or(EventTime::min()), plan_->resolution);
  EventTime greatest = EventTime::min();
  for (const RuleState& state : rules_) greatest = std::max(greatest, horizon(state.rule->rule.interval));
  return greatest;
}

EventTime Evaluator::next_tick() const {
  EventTime next = std::min(pending_.next_effect(), panes_.next_roll_up());
  for (size_t i = 0; i < windows_.size(); ++i) {
    if (windows_[i].due() <= horizon(plan_->windows[i].interval)) next = std::min(next, windows_[i].due());
  }
  if (!timers_.empty()) next = std::min(next, timers_.top().at);
  // Where no rule is left nothing else would bring a tick about.
  if (!orphans_.empty()) next = std::min(next, next_multiple(*evaluated_, plan_->resolution));
  return next;
}

Result<bool> Evaluator::advance(size_t budget_bytes) {
  if (!inputs_.watermark()) return false;
  if (!start_) begin_ticks();
  if (!start_) return false;
  const EventTime last = limit();
  while (true) {
    const EventTime tick = next_tick();
    if (tick > last) break;
    TOCSIN_RETURN_IF_ERROR(process(tick));
    evaluated_ = std::max(evaluated_.value_or(tick), tick);
    if (overlay_.open_bytes() > budget_bytes || alerts_.size() * 1024 > budget_bytes) return true;
  }
  evaluated_ = std::max(evaluated_.value_or(last), last);
  return false;
}

Status Evaluator::process(EventTime tick) {
  ++counters_.ticks;
  TOCSIN_RETURN_IF_ERROR(settle_rows(tick));
  TOCSIN_RETURN_IF_ERROR(panes_.roll_up(tick));
  TOCSIN_RETURN_IF_ERROR(move_windows(tick));
  resolve_orphans(tick);
  run_timers(tick);
  TOCSIN_RETURN_IF_ERROR(failure_);  // expiring groups read the store, too
  TOCSIN_RETURN_IF_ERROR(evaluate_dirty(tick));
  arrivals_.forget_up_to(tick - longest_interval_);
  return panes_.expire(tick);
}

Status Evaluator::settle_rows(EventTime tick) {
  for (WindowState& window : windows_) window.skip_to(tick);
  while (pending_.next_effect() <= tick) {
    for (const auto& [v, panes] : pending_.take_next()) {
      for (const auto& [start, rows] : panes) store_groups(v, rows, tick);
      panes_.add(v, tick, panes);
      for (size_t i = 0; i < windows_.size(); ++i) {
        const Window& window = plan_->windows[i];
        if (window.view != v) continue;
        for (const auto& [start, rows] : panes) {
          windows_[i].on_rows(start, plan_->views[static_cast<size_t>(v)].pane, tick, first_tick(window.interval), rows);
        }
      }
    }
  }
  return {};
}

void Evaluator::store_groups(int v, const PaneRows& rows, EventTime tick) {
  const int space = plan_->views[static_cast<size_t>(v)].group_space;
  Groups& groups = groups_of(space);
  for (const auto& [group, partial] : rows) {
    --groups.pending(group);
    groups.settled_at(group) = tick;
    if (groups.is_stored(group)) continue;
    timers_.push({tick + lifetimes_[static_cast<size_t>(space)], Timer::Kind::kCleanUp, space, group});
    groups.store(group, overlay_);
  }
}

Status Evaluator::move_windows(EventTime tick) {
  std::vector<uint64_t> emptied;
  for (size_t i = 0; i < windows_.size(); ++i) {
    const Window& window = plan_->windows[i];
    if (windows_[i].due() > tick || tick > horizon(window.interval)) continue;
    emptied.clear();
    TOCSIN_RETURN_IF_ERROR(windows_[i].tick(tick, emptied));
    for (const uint64_t group : emptied) {
      const Total& total = windows_[i].total(group);
      if (!total.empty() && total.latency_count > 0) continue;
      overlay_.put(keys::last_events(options_.partition, window_hash(*plan_, window), group),
                   encode_last_events(windows_[i].last_events(group), window_hash_of_any_interval(*plan_, window)));
    }
    for (RuleFamily& family : families_) {
      if (!family.uses(static_cast<int>(i))) continue;
      for (const uint64_t group : windows_[i].changed()) family.mark_dirty(group, tick);
    }
  }
  return {};
}

void Evaluator::run_timers(EventTime tick) {
  // Groups expire before anything is evaluated: at that tick the rule is not evaluated for them.
  while (!timers_.empty() && timers_.top().at <= tick) {
    const Timer timer = timers_.top();
    timers_.pop();
    switch (timer.kind) {
      case Timer::Kind::kExpire: expire_group(families_[static_cast<size_t>(timer.owner)], timer.group, tick); break;
      case Timer::Kind::kEvaluate: {
        RuleFamily& family = families_[static_cast<size_t>(rules_[static_cast<size_t>(timer.owner)].family)];
        family.mark_due(timer.group, timer.owner, tick);
        break;
      }
      case Timer::Kind::kCleanUp: clean_up_group(timer.owner, timer.group, tick); break;
    }
  }
}

Status Evaluator::evaluate_dirty(EventTime tick) {
  for (RuleFamily& family : families_) {
    if (!family.has_work()) continue;
    const RuleFamily::Work work = family.take_work();
    if (tick > horizon(family.shared().rule.interval)) continue;
    auto due = work.due.begin();
    for (const uint64_t group : work.groups) {
      const auto end = std::find_if(due, work.due.end(), [group](const auto& entry) { return entry.first != group; });
      TOCSIN_RETURN_IF_ERROR(evaluate_family(family, group, tick, {due, end}));
      due = end;
    }
  }
  return {};
}

}  // namespace tocsin
