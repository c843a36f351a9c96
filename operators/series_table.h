#pragma once

// Series: what events are added up by. Two events are of one series if no rule can tell them apart but by time and latency: the same
// success, the same views (with the same truth of their predicates), the same values of the labels that those views group by.
//
//   fields of an event ─FieldCache─► series = (signature, label tuple)      per event: one look-up
//                          │ miss
//                          ▼
//   matchers and predicates ─► signature      labels to group by ─► tuple   per new combination of fields; regular expressions run here
//
// The table is a cache: nothing in it is durable, and between flushes what was not seen for long is forgotten. Beyond the limits, its own
// and what its groups may cost stage 2 (group_ledger.h), new label tuples get `__overflow__` for the label with most values; what a view
// selects is decided before, by the event's own fields (docs/adr/0008). So only grouping is coarser, never wrong: every event counts in the
// group of its view that has its other labels.
//
// Thread:     worker-confined.
// Invariants: (1) series ids are dense from 0 and mean the same until sweep(); (2) an event's series has exactly the views that its fields
//             select.
// Failure:    none.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/event/event.h"
#include "operators/field_cache.h"
#include "operators/label_tuples.h"
#include "operators/plan.h"

namespace tocsin {

struct SeriesLimits {
  size_t max_series = 1'000'000;
  size_t bytes = size_t{256} << 20;        // of tuples, groups and series
  size_t cache_bytes = size_t{128} << 20;  // of the look-up from fields to series
  Duration idle{24LL * 3600 * 1000};       // of event time without an event: may be forgotten
  GroupLedger* ledger = nullptr;           // what the groups of the process may cost stage 2; null: no bound
  size_t overflow_group_bytes = 0;         // beyond the ledger's limit, for groups that this table makes in an overflow
};

// A view that a series belongs to.
struct SeriesTarget {
  int view = 0;
  int group_space = 0;
  std::vector<LatencyCondition> predicates;
};

// What matchers and predicates make of an event: few of them, whatever the number of series.
struct Signature {
  bool success = true;
  std::vector<SeriesTarget> targets;
  std::vector<bool> labels;      // by LabelTuples::slots(): some target groups by it
  std::vector<int> rule_groups;  // indices into SeriesTable::rule_groups(): those with a rule that reads a target
};

// What has overflowed, and how much.
struct OverflowStatus {
  std::vector<std::string> labels;  // in the order in which they were given up; empty: nothing overflows
  uint64_t series = 0;              // series at hand with a value replaced
  friend bool operator==(const OverflowStatus&, const OverflowStatus&) = default;
};

class SeriesTable {
 public:
  SeriesTable(std::shared_ptr<const Plan> plan, const SeriesLimits& limits);

  // Writes the series id of each event of the batch to `ids`; FieldCache::kNone for those that nothing counts: refused ones and
  // measurements.
  void find_or_create(const EventBatch& batch, std::vector<uint32_t>& ids);

  const Signature& signature(uint32_t series) const { return signatures_[ids_->row(series)[0]]; }
  // The group of a target of the series.
  uint32_t group(uint32_t series, int group_space) const { return tuples_->group(tuple_of(series), group_space); }
  LabelTuples::Values group_values(int group_space, uint32_t group) const { return tuples_->group_values(group_space, group); }
  uint64_t group_hash(int group_space, uint32_t group) const { return tuples_->group_hash(group_space, group); }
  bool overflowed(uint32_t series) const { return tuples_->overflowed(tuple_of(series)); }
  // Names of the rule groups that evaluate anything.
  const std::vector<std::string>& rule_groups() const { return rule_groups_; }

  // The series had an event by event time `now` of the input.
  void touch(uint32_t series, EventTime now) { touched_[series] = std::max(touched_[series], now); }
  // Forgets idle series, if the limits are near; ends an overflow if there is room again. Series ids change: nothing may hold any.
  void sweep(EventTime now);

  size_t size() const { return touched_.size(); }
  size_t bytes() const { return tuples_->bytes() + ids_->bytes() + size() * kBytesBySeries + signature_bytes_; }
  size_t memory_bytes() const { return bytes() + cache_.bytes(); }
  // Labels that rules group by: what can overflow.
  std::vector<std::string> labels() const;
  OverflowStatus overflow() const;

 private:
  // What is kept by series id, here and in Accumulators; vectors double, so half as much again.
  static constexpr size_t kBytesBySeries = (sizeof(EventTime) + 4 * sizeof(uint32_t)) * 3 / 2;

  uint32_t tuple_of(uint32_t series) const { return ids_->row(series)[1]; }
  void index_rule_groups();
  uint32_t resolve(bool success, const std::string_view* slots);
  uint32_t signature_of(bool success, const std::string_view* slots);
  Signature make_signature(bool success, const std::string_view* slots) const;
  std::optional<uint32_t> find(uint32_t signature, uint32_t tuple) const;
  uint32_t add(uint32_t signature, uint32_t tuple, EventTime touched);
  // Values of labels that have overflowed replaced; true if there was any.
  bool replace(const Signature& signature, LabelTuples::Values& values) const;
  bool room_for_tuple() const;
  bool room_in_stage_two(const Signature& signature, const LabelTuples::Values& values) const;
  size_t new_group_bytes(const Signature& signature, const LabelTuples::Values& values) const;
  std::optional<uint32_t> add_known_to_stage_two(uint32_t signature, const LabelTuples::Values& values);
  void begin_overflow();
  bool room_for_series() const;
  bool exhausted(const Signature& signature) const;
  bool has_overflowed(size_t label) const;
  const std::string& label_name(size_t label) const;
  void overflow_next();

  std::shared_ptr<const Plan> plan_;
  SeriesLimits limits_;
  FieldCache cache_;
  std::unique_ptr<LabelTuples> tuples_;
  std::vector<Signature> signatures_;
  absl::flat_hash_map<std::string, uint32_t> signature_ids_;
  size_t signature_bytes_ = 0;
  std::unique_ptr<RowTable> ids_;       // signature and tuple of each series
  std::vector<EventTime> touched_;      // by series
  std::vector<size_t> overflow_order_;  // labels that have overflowed
  size_t tuples_before_overflow_ = 0;
  size_t group_bytes_before_overflow_ = 0;
  size_t overflowed_series_ = 0;
  EventTime next_sweep_ = EventTime::min();
  std::vector<std::string> rule_groups_;
  std::vector<std::vector<int>> groups_of_view_;  // rule groups that read it
  std::vector<uint64_t> hashes_;                  // of the message at hand
};

}  // namespace tocsin
