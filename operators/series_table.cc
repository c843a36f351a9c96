#include "operators/series_table.h"

#include <algorithm>
#include <array>

namespace tocsin {
namespace {

constexpr uint32_t kNone = LabelTuples::kNone;
// Idle series are looked for that often within their time.
constexpr int64_t kSweepsPerIdleTime = 16;
// Fewer tuples do not tell which label it is that has too many values: after a restart stage 2 may be full when there are none here.
constexpr size_t kTuplesToJudgeBy = 64;

// Others get no series: a flood of measurements, or of events from the future, must not use up the limits of what is counted.
bool is_counted(const Event& event) { return !event.refused && !event.measurement; }

}  // namespace

SeriesTable::SeriesTable(std::shared_ptr<const Plan> plan, const SeriesLimits& limits)
    : plan_(std::move(plan)),
      limits_(limits),
      cache_(static_cast<size_t>(plan_->fields.size()), limits.cache_bytes),
      tuples_(std::make_unique<LabelTuples>(*plan_, limits.ledger)),
      ids_(std::make_unique<RowTable>(2)) {
  index_rule_groups();
}

void SeriesTable::index_rule_groups() {
  groups_of_view_.resize(plan_->views.size());
  for (const PlannedRule& rule : plan_->rules) {
    auto found = std::find(rule_groups_.begin(), rule_groups_.end(), rule.rule.group);
    if (found == rule_groups_.end()) found = rule_groups_.insert(rule_groups_.end(), rule.rule.group);
    const int group = static_cast<int>(found - rule_groups_.begin());
    for (const std::vector<int>* windows : {&rule.windows, &rule.resolve_windows}) {
      for (const int window : *windows) {
        std::vector<int>& groups = groups_of_view_[static_cast<size_t>(plan_->windows[static_cast<size_t>(window)].view)];
        if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
      }
    }
  }
}

void SeriesTable::find_or_create(const EventBatch& batch, std::vector<uint32_t>& ids) {
  const size_t n = batch.events().size();
  hashes_.resize(n);
  ids.resize(n);
  for (size_t i = 0; i < n; ++i) {
    if (!is_counted(batch.events()[i])) continue;
    hashes_[i] = cache_.hash(batch.events()[i].success, batch.slots(i));
    cache_.prefetch(hashes_[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    ids[i] = FieldCache::kNone;
    if (!is_counted(batch.events()[i])) continue;
    const bool success = batch.events()[i].success;
    ids[i] = cache_.find(hashes_[i], success, batch.slots(i));
    if (ids[i] != FieldCache::kNone) continue;
    ids[i] = resolve(success, batch.slots(i));
    cache_.insert(hashes_[i], success, batch.slots(i), ids[i]);
  }
}

// --- What a combination of fields means

Signature SeriesTable::make_signature(bool success, const std::string_view* slots) const {
  Signature signature;
  signature.success = success;
  signature.labels.resize(tuples_->slots().size());
  for (size_t v = 0; v < plan_->views.size(); ++v) {
    const View& view = plan_->views[v];
    const auto matches = [&](const SlotMatcher& matcher) { return matcher.matches(slots[matcher.slot]); };
    if (!std::all_of(view.matchers.begin(), view.matchers.end(), matches)) continue;
    SeriesTarget target{static_cast<int>(v), view.group_space, {}};
    const auto check = [&](const rules::Matcher& matcher) { return plan_->matches(matcher, slots[plan_->fields.find(matcher.label)]); };
    for (const EventPredicate& predicate : view.predicates) target.predicates.push_back(predicate.resolve(success, check));
    signature.targets.push_back(std::move(target));
    for (const int slot : view.by_slots) {
      const auto label = std::lower_bound(tuples_->slots().begin(), tuples_->slots().end(), slot) - tuples_->slots().begin();
      signature.labels[static_cast<size_t>(label)] = true;
    }
    for (const int group : groups_of_view_[v]) {
      if (std::find(signature.rule_groups.begin(), signature.rule_groups.end(), group) == signature.rule_groups.end()) {
        signature.rule_groups.push_back(group);
      }
    }
  }
  return signature;
}

uint32_t SeriesTable::signature_of(bool success, const std::string_view* slots) {
  Signature signature = make_signature(success, slots);
  std::string key(1, success ? 's' : 'f');
  for (const SeriesTarget& target : signature.targets) {
    key.append(reinterpret_cast<const char*>(&target.view), sizeof target.view);
    for (const LatencyCondition& condition : target.predicates) {
      for (const bool truth : condition.truth) key.push_back(truth ? '1' : '0');
      key.push_back(condition.truth_without_latency ? '1' : '0');
    }
  }
  const auto [found, is_new] = signature_ids_.try_emplace(std::move(key), static_cast<uint32_t>(signatures_.size()));
  if (is_new) {
    signature_bytes_ += sizeof(Signature) + found->first.size() + signature.targets.size() * sizeof(SeriesTarget) + 64;
    for (const SeriesTarget& target : signature.targets) signature_bytes_ += target.predicates.size() * (sizeof(LatencyCondition) + 64);
    signatures_.push_back(std::move(signature));
  }
  return found->second;
}

uint32_t SeriesTable::resolve(bool success, const std::string_view* slots) {
  const uint32_t signature = signature_of(success, slots);
  LabelTuples::Values values;
  for (size_t label = 0; label < tuples_->slots().size(); ++label) {
    values.push_back(signatures_[signature].labels[label] ? slots[tuples_->slots()[label]] : std::string_view());
  }
  // A tuple that is there keeps its name, and its failures stay with its successes for as long as that can be afforded.
  if (const uint32_t tuple = tuples_->find(values); tuple != kNone) {
    if (const std::optional<uint32_t> known = find(signature, tuple)) return *known;
    if (room_for_series() && room_in_stage_two(signatures_[signature], values)) return add(signature, tuple, EventTime::min());
  }
  if (const std::optional<uint32_t> known = add_known_to_stage_two(signature, values)) return *known;
  while (true) {
    LabelTuples::Values replaced = values;
    const bool overflowed = replace(signatures_[signature], replaced);
    const bool room_there = room_in_stage_two(signatures_[signature], replaced);
    const uint32_t tuple = tuples_->find(replaced);
    if (tuple != kNone) {
      if (const std::optional<uint32_t> known = find(signature, tuple)) return *known;
      const bool room = room_for_series() && room_there;
      if (room || overflowed || exhausted(signatures_[signature])) return add(signature, tuple, EventTime::min());
    } else if ((room_for_tuple() && room_there) || exhausted(signatures_[signature])) {
      return add(signature, tuples_->add(replaced, overflowed), EventTime::min());
    }
    overflow_next();
  }
}

// What stage 2 has a name for keeps it, also in an overflow, for as long as this table has room by itself.
std::optional<uint32_t> SeriesTable::add_known_to_stage_two(uint32_t signature, const LabelTuples::Values& values) {
  if (limits_.ledger == nullptr || overflow_order_.empty() || tuples_->find(values) != kNone) return std::nullopt;
  if (size() >= limits_.max_series || bytes() >= limits_.bytes || new_group_bytes(signatures_[signature], values) > 0) return std::nullopt;
  const size_t before = tuples_->group_bytes();
  const uint32_t series = add(signature, tuples_->add(values, false), EventTime::min());
  ++tuples_before_overflow_;
  group_bytes_before_overflow_ += tuples_->group_bytes() - before;
  return series;
}

std::optional<uint32_t> SeriesTable::find(uint32_t signature, uint32_t tuple) const {
  const std::array row = {signature, tuple};
  const uint32_t id = ids_->find(row);
  return id == kNone ? std::nullopt : std::optional(id);
}

uint32_t SeriesTable::add(uint32_t signature, uint32_t tuple, EventTime touched) {
  const std::array row = {signature, tuple};
  const uint32_t id = ids_->add(row);
  touched_.push_back(touched);
  if (tuples_->overflowed(tuple)) ++overflowed_series_;
  for (const SeriesTarget& target : signatures_[signature].targets) (void)tuples_->group_of(tuple, target.group_space);
  return id;
}

// --- Limits

bool SeriesTable::replace(const Signature& signature, LabelTuples::Values& values) const {
  bool any = false;
  for (const size_t label : overflow_order_) {
    if (!signature.labels[label]) continue;
    values[label] = kOverflowValue;
    any = true;
  }
  return any;
}

// Up to the limits, and when they have been reached once, a quarter more: half of that with the first label given up, half of the rest
// with the second, and so on. Without it there would be no room for the tuples that carry `__overflow__`.
bool SeriesTable::room_for_tuple() const {
  if (overflow_order_.empty()) return size() < limits_.max_series && bytes() < limits_.bytes;
  const size_t halvings = std::min<size_t>(overflow_order_.size(), 20);
  const size_t tuples = limits_.max_series / 4 - (limits_.max_series / 4 >> halvings);
  const size_t more_bytes = limits_.bytes / 4 - (limits_.bytes / 4 >> halvings);
  return tuples_->size() - tuples_before_overflow_ < std::max<size_t>(tuples, 1) && bytes() < limits_.bytes + more_bytes;
}

// As room_for_tuple(). What is left for the overflow is this table's own, or others, and groups that stage 2 has from other processes,
// could take the place of `__overflow__`.
bool SeriesTable::room_in_stage_two(const Signature& signature, const LabelTuples::Values& values) const {
  const size_t more = new_group_bytes(signature, values);
  if (more == 0) return true;
  if (overflow_order_.empty()) return limits_.ledger->used() + more <= limits_.ledger->limit() || tuples_->size() < kTuplesToJudgeBy;
  const size_t reserve = limits_.overflow_group_bytes;
  const size_t halvings = std::min<size_t>(overflow_order_.size(), 20);
  return tuples_->group_bytes() - group_bytes_before_overflow_ + more <= reserve - (reserve >> halvings);
}

// What the groups of these values would add to what stage 2 holds: nothing if it knows them from another worker, or from before a restart.
size_t SeriesTable::new_group_bytes(const Signature& signature, const LabelTuples::Values& values) const {
  if (limits_.ledger == nullptr) return 0;
  size_t more = 0;
  for (size_t i = 0; i < signature.targets.size(); ++i) {
    const int space = signature.targets[i].group_space;
    const auto same = [space](const SeriesTarget& target) { return target.group_space == space; };
    const auto end = signature.targets.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::none_of(signature.targets.begin(), end, same)) more += tuples_->new_bytes(values, space);
  }
  return more;
}

// Further series of a known tuple: the same labels with the other success, or with other matchers holding. They cost little, and parting
// a group's failures from its successes would falsify its rates, so they may be as many again.
bool SeriesTable::room_for_series() const {
  return size() - overflowed_series_ < 2 * limits_.max_series && bytes() < limits_.bytes + limits_.bytes / 4;
}

// Nothing is left to give up: what follows is bounded by the number of signatures.
bool SeriesTable::exhausted(const Signature& signature) const {
  for (size_t label = 0; label < signature.labels.size(); ++label) {
    if (signature.labels[label] && !has_overflowed(label)) return false;
  }
  return true;
}

bool SeriesTable::has_overflowed(size_t label) const {
  return std::find(overflow_order_.begin(), overflow_order_.end(), label) != overflow_order_.end();
}

void SeriesTable::begin_overflow() {
  tuples_before_overflow_ = tuples_->size();
  group_bytes_before_overflow_ = tuples_->group_bytes();
}

// Gives up the label with most values; `domain` only when nothing else is left.
void SeriesTable::overflow_next() {
  if (overflow_order_.empty()) begin_overflow();
  std::optional<size_t> most;
  bool most_is_domain = false;
  for (size_t label = 0; label < tuples_->slots().size(); ++label) {
    if (has_overflowed(label)) continue;
    const bool is_domain = plan_->fields.slots()[static_cast<size_t>(tuples_->slots()[label])].field == Field::kDomain;
    if (most && (is_domain || (!most_is_domain && tuples_->distinct(label) <= tuples_->distinct(*most)))) continue;
    most = label;
    most_is_domain = is_domain;
  }
  TOCSIN_CHECK(most.has_value(), "no label is left that could overflow");
  overflow_order_.push_back(*most);
}

void SeriesTable::sweep(EventTime now) {
  const auto groups_above = [this](size_t quarters) {
    return limits_.ledger != nullptr && limits_.ledger->used() > limits_.ledger->limit() / 4 * quarters;
  };
  const bool near = size() > limits_.max_series / 2 || bytes() > limits_.bytes / 2 || groups_above(2);
  if (now < next_sweep_ || (!near && overflow_order_.empty())) return;
  next_sweep_ = now + Duration{std::max<int64_t>(1, limits_.idle.ms / kSweepsPerIdleTime)};
  const std::unique_ptr<RowTable> old = std::exchange(ids_, std::make_unique<RowTable>(2));
  const std::vector<EventTime> old_touched = std::exchange(touched_, {});
  const std::unique_ptr<LabelTuples> old_tuples = std::exchange(tuples_, std::make_unique<LabelTuples>(*plan_, limits_.ledger));
  overflowed_series_ = 0;
  cache_.clear();
  const auto keep = [&](bool overflowed) {
    for (uint32_t series = 0; series < old_touched.size(); ++series) {
      const uint32_t old_tuple = old->row(series)[1];
      if (old_tuples->overflowed(old_tuple) != overflowed || old_touched[series] < now - limits_.idle) continue;
      const LabelTuples::Values values = old_tuples->values(old_tuple);
      const uint32_t tuple = tuples_->find(values);
      add(old->row(series)[0], tuple != kNone ? tuple : tuples_->add(values, overflowed), old_touched[series]);
    }
  };
  keep(false);
  old_tuples->leave_ledger();  // so that the groups that were forgotten are none of those that take room
  // Not at the first free place: a flood that goes on would take it, and begin anew with every sweep.
  const bool room = size() < limits_.max_series - limits_.max_series / 4 && bytes() < limits_.bytes - limits_.bytes / 4;
  if (room && !groups_above(3)) {
    overflow_order_.clear();
    return;
  }
  begin_overflow();
  keep(true);
}

const std::string& SeriesTable::label_name(size_t label) const {
  return plan_->fields.slots()[static_cast<size_t>(tuples_->slots()[label])].name;
}

std::vector<std::string> SeriesTable::labels() const {
  std::vector<std::string> names;
  for (size_t label = 0; label < tuples_->slots().size(); ++label) names.push_back(label_name(label));
  return names;
}

OverflowStatus SeriesTable::overflow() const {
  OverflowStatus status;
  status.series = overflowed_series_;
  for (const size_t label : overflow_order_) status.labels.push_back(label_name(label));
  return status;
}

}  // namespace tocsin
