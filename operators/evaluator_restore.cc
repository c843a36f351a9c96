// The evaluator's state between runs: the position row and what a restart rebuilds from the store.

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/base/test_switches.h"
#include "operators/damage.h"
#include "operators/evaluator_internal.h"
#include "operators/format.h"
#include "operators/rules/printer.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {
namespace {

std::optional<int64_t> ms_of(const std::optional<EventTime>& time) { return time ? std::optional(time->ms) : std::nullopt; }

std::optional<EventTime> to_time(bool has, int64_t ms) { return has ? std::optional(EventTime{ms}) : std::nullopt; }

Instance instance_of(const v1::InstanceRow& row) {
  Instance instance;
  instance.phase = static_cast<Phase>(row.phase());
  instance.active_at = EventTime{row.active_at_ms()};
  instance.starts_at = EventTime{row.starts_at_ms()};
  instance.end_since = to_time(row.has_end_since_ms(), row.end_since_ms());
  instance.frozen = {row.frozen_ms()};
  instance.frozen_at = to_time(row.has_frozen_at_ms(), row.frozen_at_ms());
  if (row.has_arrival_ms()) instance.arrival = WallTime{row.arrival_ms()};
  instance.sequence = row.sequence();
  const bool remembers = row.has_last_starts_at_ms() && !test_switches::defect("cooldown_forgotten");
  instance.last_starts_at = to_time(remembers, row.last_starts_at_ms());
  instance.last_event_at = to_time(row.has_last_event_at_ms(), row.last_event_at_ms());
  return instance;
}

// Calls `visit(key after the prefix, value)` for each entry under a prefix.
template <typename Visit>
Status for_each(const state::Overlay& overlay, const std::string& prefix, const Visit& visit) {
  const std::unique_ptr<state::Iterator> it = overlay.scan(prefix, state::prefix_end(prefix));
  for (; it->valid(); it->next()) {
    state::KeyReader key(it->key().substr(prefix.size()));
    Status visited = visit(key, it->value());
    if (!visited.ok() && !test_switches::defect("damaged_row_skipped")) return visited;
  }
  return it->status();
}

}  // namespace

uint64_t definition_hash(const PlannedRule& rule) {
  return fnv1a(fmt::format("{} by ({})", rules::to_string(rule.rule.expr), fmt::join(rule.by, ", ")));
}

uint64_t verdicts_hash(const Plan& plan) {
  uint64_t hash = kFnvOffsetBasis;
  for (const PlannedRule& planned : plan.rules) {
    const rules::AlertRule& rule = planned.rule;
    hash = fnv1a(fmt::format("{} {} {} {}", definition_hash(planned), rule.interval.ms, rule.min_events, static_cast<int>(rule.no_data)),
                 hash);
  }
  return hash;
}

uint64_t window_hash(const Plan& plan, const Window& window) {
  return fnv1a(
      fmt::format("{} {} {} {}", plan.views[static_cast<size_t>(window.view)].id, window.length.ms, window.offset.ms, window.interval.ms));
}

std::vector<Duration> group_lifetimes(const Plan& plan) {
  std::vector<Duration> lifetimes(plan.group_spaces.size());
  const auto raise = [&lifetimes](int group_space, Duration to) {
    Duration& lifetime = lifetimes[static_cast<size_t>(group_space)];
    lifetime = std::max(lifetime, to);
  };
  for (const PlannedRule& rule : plan.rules) raise(rule.group_space, rule.retention + rule.rule.interval);
  for (const View& view : plan.views) {
    for (const Level& level : view.levels) raise(view.group_space, level.width + level.retention);
  }
  return lifetimes;
}

Duration longest_interval(const Plan& plan) {
  Duration longest = plan.resolution;
  for (const PlannedRule& rule : plan.rules) longest = std::max(longest, rule.rule.interval);
  return longest;
}

uint64_t window_hash_of_any_interval(const Plan& plan, const Window& window) {
  return fnv1a(fmt::format("{} {} {}", plan.views[static_cast<size_t>(window.view)].id, window.length.ms, window.offset.ms));
}

std::string encode_last_events(const LastEvents& last, uint64_t any_interval) {
  v1::LastEventsRow row;
  row.set_any_interval(any_interval);
  if (last.event != EventTime::min()) row.set_last_event_ms(last.event.ms);
  if (last.latency_event != EventTime::min()) row.set_last_latency_event_ms(last.latency_event.ms);
  return row.SerializeAsString();
}

std::shared_ptr<const state::WriteBatch> Evaluator::seal(int64_t position, int64_t changelog_end) {
  v1::PositionRow row;
  row.set_next_offset(position);
  next_offset_ = position;
  int64_t rewind = position;
  if (const auto oldest = pending_.rewind_offset()) rewind = std::min(rewind, *oldest);
  if (const auto oldest = assembler_.oldest_offset()) rewind = std::min(rewind, *oldest);
  row.set_rewind_offset(rewind);
  inputs_.save(row);
  repeated_.erase(repeated_.begin(), repeated_.lower_bound(rewind));
  row.mutable_repeated()->Assign(repeated_.begin(), repeated_.end());
  std::erase_if(held_, [&](const auto& entry) { return evaluated_ && entry.second <= *evaluated_; });
  for (const auto& [offset, effect] : held_) {
    v1::HeldFrame& held = *row.add_held();
    held.set_offset(offset);
    held.set_effect_ms(effect.ms);
  }
  if (const auto ms = ms_of(evaluated_)) row.set_evaluated_ms(*ms);
  if (const auto ms = ms_of(start_)) row.set_start_ms(*ms);
  row.set_plan(plan_->version);
  row.set_rules(verdicts_hash_);
  row.set_resolution_ms(plan_->resolution.ms);
  row.set_partitions(options_.partitions);
  row.set_format(state_format());
  // Its key is the greatest of the batch, so it comes behind all others.
  row.set_changelog_offset(changelog_end + static_cast<int64_t>(overlay_.open_count()));
  overlay_.put(keys::position(options_.partition), row.SerializeAsString());
  return overlay_.seal();
}

Status Evaluator::restore() {
  const Result<std::optional<std::string>> stored = overlay_.get(keys::position(options_.partition));
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return {};
  v1::PositionRow row;
  if (!row.ParseFromString(**stored)) return damaged_state(options_.partition, "a position row that cannot be read");
  TOCSIN_RETURN_IF_ERROR(check_state_format(row.format(), options_.partition));
  if (row.partitions() != options_.partitions || row.resolution_ms() != plan_->resolution.ms) {
    return data_loss(fmt::format(
        "the state of partials partition {} was made with {} partitions and a resolution of {} ms; now there are {} and {} ms. Neither may "
        "change while there is state: use the old values, or another `app` name",
        options_.partition, row.partitions(), row.resolution_ms(), options_.partitions, plan_->resolution.ms));
  }
  next_offset_ = row.next_offset();
  restored_rewind_offset_ = row.rewind_offset();
  inputs_.restore(row);
  repeated_.insert(row.repeated().begin(), row.repeated().end());
  if (!test_switches::defect("held_frames_forgotten")) {
    for (const v1::HeldFrame& held : row.held()) held_[held.offset()] = EventTime{held.effect_ms()};
  }
  evaluated_ = to_time(row.has_evaluated_ms(), row.evaluated_ms());
  start_ = to_time(row.has_start_ms(), row.start_ms());
  TOCSIN_RETURN_IF_ERROR(restore_groups());
  if (!start_ || !evaluated_) return {};
  TOCSIN_RETURN_IF_ERROR(panes_.load(*evaluated_));
  for (size_t i = 0; i < windows_.size(); ++i) {
    const Window& window = plan_->windows[i];
    const int group_space = plan_->views[static_cast<size_t>(window.view)].group_space;
    const auto check = [this, group_space](uint64_t group) { return check_group(group_space, group); };
    TOCSIN_RETURN_IF_ERROR(windows_[i].rebuild(*evaluated_, first_tick(window.interval), check));
  }
  TOCSIN_RETURN_IF_ERROR(restore_last_events());
  TOCSIN_RETURN_IF_ERROR(restore_instances());
  restore_timers(row.rules() != verdicts_hash_);
  return {};
}

Status Evaluator::restore_groups() {
  return for_each(overlay_, keys::groups(options_.partition), [&](state::KeyReader& key, std::string_view value) -> Status {
    const uint64_t space = key.u64();
    const uint64_t id = key.u64();
    v1::GroupRow row;
    if (!key.complete() || !row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return damaged_state(options_.partition, "a group row that cannot be read");
    }
    for (size_t i = 0; i < groups_.size(); ++i) {
      if (plan_->group_spaces[i].id != space) continue;
      const bool fits = static_cast<size_t>(row.values_size()) == plan_->group_spaces[i].by.size();
      if (!fits || !groups_[i].restore(id, {row.values().begin(), row.values().end()})) {
        return damaged_state(options_.partition,
                             fmt::format("a group {} by ({}) of {} values that {}", id, fmt::join(plan_->group_spaces[i].by, ", "),
                                         row.values_size(), fits ? "another group has, too" : "do not fit it"));
      }
    }
    return {};
  });
}

Status Evaluator::check_group(int group_space, uint64_t group) const {
  const auto space = static_cast<size_t>(group_space);
  if (groups_[space].is_stored(group)) return {};
  return damaged_state(
      options_.partition,
      fmt::format("rows of group {} by ({}), but not the group itself. If a rule with a window of more than a day was taken "
                  "out for long and is back, that is why: leave it out, or change one of its matchers. Otherwise it is "
                  "damage",
                  group, fmt::join(plan_->group_spaces[space].by, ", ")));
}

Status Evaluator::restore_last_events() {
  // Rows of a window whose interval has changed go on under its new name. A group that was forgotten while no rule had the window has left
  // its rows behind.
  std::vector<std::pair<std::string, std::string>> renamed;
  std::vector<std::string> old_names;
  const auto is_group = [this](const Window& window, uint64_t group) {
    return groups_of(plan_->views[static_cast<size_t>(window.view)].group_space).is_stored(group);
  };
  const auto each = [&](state::KeyReader& key, std::string_view value) -> Status {
    const uint64_t hash = key.u64();
    const uint64_t group = key.u64();
    v1::LastEventsRow row;
    if (!key.complete() || !row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return damaged_state(options_.partition, "a row of last events that cannot be read");
    }
    const LastEvents last{to_time(row.has_last_event_ms(), row.last_event_ms()).value_or(EventTime::min()),
                          to_time(row.has_last_latency_event_ms(), row.last_latency_event_ms()).value_or(EventTime::min())};
    bool found = false;
    for (size_t i = 0; i < windows_.size(); ++i) {
      if (window_hash(*plan_, plan_->windows[i]) != hash) continue;
      found = true;
      if (is_group(plan_->windows[i], group)) {
        windows_[i].restore_last_events(group, last);
      } else {
        old_names.push_back(keys::last_events(options_.partition, hash, group));
      }
    }
    for (size_t i = 0; i < windows_.size() && !found; ++i) {
      if (window_hash_of_any_interval(*plan_, plan_->windows[i]) != row.any_interval()) continue;
      if (is_group(plan_->windows[i], group)) {
        windows_[i].restore_last_events(group, last);
        renamed.emplace_back(keys::last_events(options_.partition, window_hash(*plan_, plan_->windows[i]), group), std::string(value));
      }
      old_names.push_back(keys::last_events(options_.partition, hash, group));
    }
    return {};
  };
  TOCSIN_RETURN_IF_ERROR(for_each(overlay_, keys::last_events(options_.partition), each));
  for (auto& [key, value] : renamed) overlay_.put(std::move(key), std::move(value));
  for (std::string& key : old_names) overlay_.remove(std::move(key));
  return {};
}

Status Evaluator::restore_instances() {
  return for_each(overlay_, keys::instances(options_.partition), [&](state::KeyReader& key, std::string_view value) -> Status {
    const uint64_t fingerprint = key.u64();
    v1::InstanceRow row;
    if (!key.complete() || !row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return damaged_state(options_.partition, "an alert instance that cannot be read");
    }
    if (row.phase() == v1::InstanceRow::NONE) return {};
    const auto found =
        std::find_if(rules_.begin(), rules_.end(), [&](const RuleState& state) { return state.rule->rule.name == row.rule(); });
    const bool same = found != rules_.end() && found->definition == row.definition();
    if (!same) {
      orphans_.push_back({keys::instance(options_.partition, fingerprint), row, found == rules_.end() ? "rule_removed" : "rule_changed"});
      return {};
    }
    const std::vector<std::string>& by = found->rule->by;
    Groups& groups = groups_of(found->rule->group_space);
    const bool fits = static_cast<size_t>(row.values_size()) == by.size();
    const uint64_t group = fits ? groups.find_or_add({row.values().begin(), row.values().end()}) : 0;
    // The group {} is known without being stored.
    if (!fits || (!by.empty() && !groups.is_stored(group))) {
      return damaged_state(options_.partition, fmt::format("an alert instance of rule {} for ({}), but not that group by ({})", row.rule(),
                                                           fmt::join(row.values(), ", "), fmt::join(by, ", ")));
    }
    found->put_instance(group, instance_of(row));
    if (test_switches::defect("firing_published_again") && row.has_last_event()) alerts_.push_back({row.last_event(), std::nullopt});
    return {};
  });
}

void Evaluator::restore_timers(bool other_rules) {
  for (RuleFamily& family : families_) {
    const PlannedRule& shared = family.shared();
    const EventTime next = std::max(first_tick(shared.rule.interval), next_multiple(*evaluated_, shared.rule.interval));
    Groups& groups = groups_of(shared.group_space);
    for (uint64_t group = 0; group < groups.end_id() && !shared.by.empty(); ++group) {
      const EventTime seen = last_events(family, group).event;
      const bool forgotten = seen == EventTime::min() || ceil_to(seen + shared.retention, shared.rule.interval) < next;
      if (!groups.is_stored(group) || forgotten) continue;
      schedule_expiry(family, group, seen);
      // What is true by a rule that is new, or by its new constant, is not seen at a change of the group, which may be silent.
      if (other_rules) timers_.push({next, Timer::Kind::kEvaluate, family.rules().front(), group});
    }
    for (const int rule : family.rules()) {
      const RuleState& state = rules_[static_cast<size_t>(rule)];
      if (shared.by.empty() && owns(shared.group_space, {})) timers_.push({next, Timer::Kind::kEvaluate, rule, groups.find_or_add({})});
      for (const auto& [group, instance] : state.instances) {
        // Of a group that should have been forgotten by now, as `group_retention` is shorter than it was: it ends at the next tick.
        if (!family.is_known(group)) {
          family.set_known(group, true);
          timers_.push({next, Timer::Kind::kExpire, static_cast<int>(&family - families_.data()), group});
        }
        timers_.push({next, Timer::Kind::kEvaluate, rule, group});
        if (!test_switches::defect("for_timer_lost")) await_change(state, group, instance, next);
      }
    }
  }
  for (size_t space = 0; space < groups_.size(); ++space) {
    for (uint64_t group = 0; group < groups_[space].end_id(); ++group) {
      if (!groups_[space].is_stored(group)) continue;
      timers_.push({*evaluated_ + lifetimes_[space], Timer::Kind::kCleanUp, static_cast<int>(space), group});
    }
  }
}

}  // namespace tocsin
