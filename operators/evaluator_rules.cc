// The evaluator's work on one rule and group: verdict, lifecycle, alert, instance row.

#include <algorithm>

#include "engine/base/test_switches.h"
#include "operators/damage.h"
#include "operators/evaluator_internal.h"

namespace tocsin {
namespace {

// How long sequence and last start of a fingerprint are remembered after its last alert event (SPEC 4.8).
constexpr Duration kMemory{30LL * 24 * 3600 * 1000};

}  // namespace

const WindowSketch& Evaluator::GroupView::sketch(int window) {
  const auto [found, is_new] = sketches_.try_emplace(window);
  if (is_new) {
    const Status read = evaluator_.panes_.read_sketch(window, group_, tick_, found->second);
    if (!read.ok()) evaluator_.failure_ = read;
  }
  return found->second;
}

LastEvents Evaluator::last_events(const RuleFamily& family, uint64_t group) const {
  LastEvents last;
  for (const AggregateRef& aggregate : family.shared().program.aggregates) {
    const LastEvents seen = windows_[static_cast<size_t>(aggregate.window)].last_events(group);
    last.event = std::max(last.event, aggregate.of_latency ? seen.latency_event : seen.event);
  }
  return last;
}

// Nothing if no row of the group took effect since the rule was last asked: then time made the verdict true, not an event.
std::optional<WallTime> Evaluator::arrival_of(const RuleState& state, uint64_t group, EventTime tick) const {
  const EventTime last_asked = tick - state.rule->rule.interval;
  if (groups_[static_cast<size_t>(state.rule->group_space)].settled_at(group) <= last_asked) return std::nullopt;
  return arrivals_.oldest(last_asked, tick);
}

void Evaluator::schedule_expiry(RuleFamily& family, uint64_t group, EventTime seen) {
  family.set_known(group, true);
  const EventTime at = ceil_to(seen + family.shared().retention, family.shared().rule.interval);
  timers_.push({at, Timer::Kind::kExpire, static_cast<int>(&family - families_.data()), group});
}

void Evaluator::expire_group(RuleFamily& family, uint64_t group, EventTime tick) {
  if (!family.is_known(group) || family.shared().by.empty() || tick > horizon(family.shared().rule.interval)) return;
  const EventTime seen = last_events(family, group).event;
  if (tick - seen < family.shared().retention) {
    schedule_expiry(family, group, seen);
    return;
  }
  family.set_known(group, false);
  family.standing(group) = {};
  GroupView view(*this, group, tick);
  for (const int rule : family.rules()) {
    RuleState& state = rules_[static_cast<size_t>(rule)];
    if (!state.instances.contains(group)) continue;
    transit(
        state, view, [](Instance& instance, GroupView&) { return expire(instance); }, "group_expired");
  }
}

Status Evaluator::evaluate_family(RuleFamily& family, uint64_t group, EventTime tick, std::span<const std::pair<uint64_t, int>> due) {
  if (!family.is_known(group)) {
    const EventTime seen = last_events(family, group).event;
    if (seen == EventTime::min() || tick - seen >= family.shared().retention) return {};
    TOCSIN_RETURN_IF_ERROR(check_group(family.shared().group_space, group));
    schedule_expiry(family, group, seen);
  }
  GroupView view(*this, group, tick);
  const std::vector<int>& rules = family.rules();
  if (rules.size() == 1) return evaluate_rule(rules_[static_cast<size_t>(rules.front())], view);
  const RuleFamily::Standing before = family.standing(group);
  const RuleFamily::Standing now = family.find_standing(view, before);
  const auto [first, last] = family.changed(before, now);
  family.standing(group) = now;
  for (uint32_t place = first; place < last; ++place) {
    TOCSIN_RETURN_IF_ERROR(evaluate_rule(rules_[static_cast<size_t>(rules[place])], view));
  }
  // Asked twice at one tick, a rule gives the same answer, and its instance has taken the step already.
  for (const auto& [of_group, rule] : due) TOCSIN_RETURN_IF_ERROR(evaluate_rule(rules_[static_cast<size_t>(rule)], view));
  return {};
}

Status Evaluator::evaluate_rule(RuleState& state, GroupView& view) {
  const rules::AlertRule& rule = state.rule->rule;
  const auto evaluate = [&](Instance& instance, GroupView& windows) {
    const Value value = state.rule->program.evaluate(windows, rule.min_events);
    Verdict verdict = value.is_true() ? Verdict::kTrue : Verdict::kFalse;
    if (!value.has_value() && rule.no_data == rules::NoData::kAlert) verdict = Verdict::kTrue;
    if (!value.has_value() && rule.no_data == rules::NoData::kKeep) verdict = Verdict::kFrozen;
    bool ends = true;
    if (instance.phase == Phase::kFiring && verdict == Verdict::kFalse && state.rule->resolve) {
      const Value resolve = state.rule->resolve->evaluate(windows, 0);
      ends = resolve.has_value() ? resolve.is_true() : rule.no_data == rules::NoData::kOk;
    }
    return step(instance, state.timing, windows.tick(), verdict, ends);
  };
  transit(state, view, evaluate, "");
  return failure_;
}

void Evaluator::transit(RuleState& state, GroupView& view, const std::function<Transition(Instance&, GroupView&)>& change,
                        const std::string& reason) {
  const uint64_t group = view.group();
  const EventTime tick = view.tick();
  const auto live = state.instances.find(group);
  const bool was_live = live != state.instances.end();
  const Instance before = was_live ? live->second : Instance();
  Instance after = before;
  Transition transition = change(after, view);
  if (!was_live && after == before) return;
  if (!was_live) {
    // A new instance: what is remembered of earlier episodes decides whether it may fire (cooldown), so the step is taken again with it.
    after = load_instance(state, group, tick);
    transition = change(after, view);
  }
  const bool begins = after.phase != Phase::kInactive && (before.phase == Phase::kInactive || after.active_at != before.active_at);
  if (begins) after.arrival = arrival_of(state, group, tick);
  if (transition != Transition::kNone) {
    ++after.sequence;
    after.last_event_at = tick;
    const AlertContext context{*plan_, *state.rule, groups_of(state.rule->group_space).values(group), tick, view};
    alerts_.push_back(
        {make_alert(context, transition, before, after, reason), transition == Transition::kFiring ? after.arrival : std::nullopt});
    tell_of_progress(*alerts_.back().event.mutable_evidence());
    ++counters_.alerts;
  }
  const bool untold = test_switches::defect("expiry_not_stored") && reason == "group_expired";
  if ((!(after == before) || transition != Transition::kNone) && !untold) {
    store_instance(state, group, after, transition == Transition::kFiring ? &alerts_.back().event : nullptr);
  }
  state.put_instance(group, after);
  if (after.phase == Phase::kInactive) return;
  if (next_change(after, state.timing) != next_change(before, state.timing)) await_change(state, group, after, tick);
}

void Evaluator::tell_of_progress(v1::Evidence& evidence) const {
  if (const std::optional<EventTime> now = inputs_.watermark(); now && !inputs_.end()) evidence.set_watermark(format_rfc3339(now->ms));
  evidence.set_slowest_partition(inputs_.slowest());
}

void Evaluator::await_change(const RuleState& state, uint64_t group, const Instance& instance, EventTime tick) {
  const EventTime next = next_change(instance, state.timing);
  if (next <= tick || next == EventTime::max()) return;
  timers_.push({ceil_to(next, state.rule->rule.interval), Timer::Kind::kEvaluate, state.index, group});
}

Instance Evaluator::load_instance(const RuleState& state, uint64_t group, EventTime tick) {
  Instance instance;
  const uint64_t fingerprint = fingerprint_of(state.rule->rule.name, state.rule->by, groups_of(state.rule->group_space).values(group));
  const Result<std::optional<std::string>> stored = overlay_.get(keys::instance(options_.partition, fingerprint));
  if (!stored.ok()) {
    failure_ = stored.status();
    return instance;
  }
  v1::InstanceRow row;
  if (!stored->has_value()) return instance;
  if (!row.ParseFromString(**stored)) {
    // Going on would begin the fingerprint's sequence anew.
    failure_ = damaged_state(options_.partition, "an alert instance that cannot be read");
    return instance;
  }
  if (!row.has_last_event_at_ms()) return instance;
  const Duration memory = std::max(kMemory, state.timing.cooldown * 2);
  if (tick - EventTime{row.last_event_at_ms()} > memory) return instance;
  instance.sequence = row.sequence();
  instance.last_event_at = EventTime{row.last_event_at_ms()};
  if (row.has_last_starts_at_ms()) instance.last_starts_at = EventTime{row.last_starts_at_ms()};
  return instance;
}

void Evaluator::store_instance(const RuleState& state, uint64_t group, const Instance& instance, const v1::AlertEvent* last_event) {
  const std::vector<std::string>& values = groups_of(state.rule->group_space).values(group);
  const std::string key = keys::instance(options_.partition, fingerprint_of(state.rule->rule.name, state.rule->by, values));
  if (instance.phase == Phase::kInactive && instance.sequence == 0) {
    overlay_.remove(key);  // it was only ever pending: nothing to remember
    return;
  }
  v1::InstanceRow row;
  row.set_rule(state.rule->rule.name);
  for (const std::string& value : values) row.add_values(value);
  row.set_definition(state.definition);
  row.set_phase(static_cast<v1::InstanceRow::Phase>(instance.phase));
  row.set_active_at_ms(instance.active_at.ms);
  row.set_starts_at_ms(instance.starts_at.ms);
  if (instance.end_since) row.set_end_since_ms(instance.end_since->ms);
  row.set_frozen_ms(instance.frozen.ms);
  if (instance.frozen_at) row.set_frozen_at_ms(instance.frozen_at->ms);
  if (instance.arrival) row.set_arrival_ms(instance.arrival->ms);
  if (!test_switches::defect("sequence_not_stored")) row.set_sequence(instance.sequence);
  if (instance.last_starts_at) row.set_last_starts_at_ms(instance.last_starts_at->ms);
  if (instance.last_event_at) row.set_last_event_at_ms(instance.last_event_at->ms);
  if (instance.phase == Phase::kFiring) {
    if (last_event != nullptr) {
      *row.mutable_last_event() = *last_event;
    } else {
      keep_last_event(key, row);
    }
  }
  overlay_.put(key, row.SerializeAsString());
}

// The alert event that began the episode stays with the instance: a rule that is gone is resolved from it.
void Evaluator::keep_last_event(const std::string& key, v1::InstanceRow& row) {
  const Result<std::optional<std::string>> stored = overlay_.get(key);
  v1::InstanceRow previous;
  if (!stored.ok()) {
    failure_ = stored.status();
  } else if (!stored->has_value() || !previous.ParseFromString(**stored)) {
    failure_ = damaged_state(options_.partition, "a firing alert instance whose row is lost or cannot be read");
  } else {
    *row.mutable_last_event() = previous.last_event();
  }
}

void Evaluator::resolve_orphans(EventTime tick) {
  for (Orphan& orphan : orphans_) {
    v1::InstanceRow& row = orphan.row;
    if (row.phase() == v1::InstanceRow::FIRING) {
      v1::AlertEvent alert = row.last_event();
      row.set_sequence(row.sequence() + 1);
      alert.set_sequence(row.sequence());
      alert.set_state("resolved");
      alert.set_reason(orphan.reason);
      // They were those of the tick at which the episode began; at this one nothing is evaluated.
      alert.clear_value();
      alert.clear_evidence();
      alert.set_ends_at(format_rfc3339(tick.ms));
      alert.set_evaluated_at(format_rfc3339(tick.ms));
      alerts_.push_back({std::move(alert), std::nullopt});
      ++counters_.alerts;
      row.set_last_event_at_ms(tick.ms);
    }
    if (row.sequence() == 0) {
      overlay_.remove(orphan.key);  // it was only ever pending: nothing to remember
      continue;
    }
    row.set_phase(v1::InstanceRow::NONE);
    row.clear_last_event();
    overlay_.put(orphan.key, row.SerializeAsString());
  }
  orphans_.clear();
}

void Evaluator::clean_up_group(int group_space, uint64_t group, EventTime tick) {
  Groups& groups = groups_of(group_space);
  if (!groups.is_stored(group)) return;
  // Rows that took effect lately may not have entered a window yet, if it moves only at the ticks of a longer interval.
  const Duration lifetime = lifetimes_[static_cast<size_t>(group_space)];
  const bool lately = tick - groups.settled_at(group) < lifetime;
  bool in_use = lately || groups.pending(group) > 0 || plan_->group_spaces[static_cast<size_t>(group_space)].by.empty();
  for (const RuleFamily& family : families_) in_use = in_use || (family.shared().group_space == group_space && family.is_known(group));
  for (size_t i = 0; i < windows_.size() && !in_use; ++i) {
    const bool same_space = plan_->views[static_cast<size_t>(plan_->windows[i].view)].group_space == group_space;
    in_use = same_space && !windows_[i].total(group).empty();
  }
  if (in_use) {
    const EventTime from = lately ? groups.settled_at(group) : tick;
    timers_.push({from + lifetime, Timer::Kind::kCleanUp, group_space, group});
    return;
  }
  for (size_t i = 0; i < windows_.size(); ++i) {
    const Window& window = plan_->windows[i];
    if (plan_->views[static_cast<size_t>(window.view)].group_space != group_space) continue;
    windows_[i].forget(group);
    overlay_.remove(keys::last_events(options_.partition, window_hash(*plan_, window), group));
  }
  for (RuleFamily& family : families_) {
    if (family.shared().group_space == group_space) family.forget(group);
  }
  groups.remove(group, overlay_);
}

}  // namespace tocsin
