#pragma once

// Stage 1: events of input partitions to partial rows, in memory only (DESIGN 3).
//
// add() takes one message; take() hands out everything since the last take() as rows by partials partition. Nothing here is durable:
// what was not committed is read again.
//
// Thread:     worker-confined.
// Invariants: (1) whether an event is late is judged by its partition's watermark before its message, nothing else;
//             (2) what the rows of equal input add up to is equal, whatever the batching and the flushes.
// Failure:    none.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "operators/accumulators.h"
#include "operators/event/event.h"
#include "operators/partition_clock.h"
#include "operators/plan.h"
#include "operators/series_table.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

struct AggregatorOptions {
  Duration allowed_lateness{3'600'000};
  SeriesLimits series;
};

// What became of the events since the process started. Events that are read again after drop() count again.
struct AggregatorCounters {
  uint64_t events = 0;        // decoded and used for time, requests and measurements
  uint64_t late = 0;          // before their partition's watermark, counted in windows from then on
  uint64_t dropped_late = 0;  // older than the watermark by more than allowed_lateness
  uint64_t overflowed = 0;    // weight of the requests that were handed out in groups with `__overflow__`
};

class Aggregator {
 public:
  Aggregator(std::shared_ptr<const Plan> plan, const AggregatorOptions& options);

  // One message of a partition: its events are judged by `clock` and then move it.
  void add(const EventBatch& batch, PartitionClock& clock, std::optional<EventTime> append_time);

  // The rows since the last take, one list of ViewRows per partials partition; resets the accumulators.
  std::vector<std::vector<v1::ViewRows>> take(uint32_t partitions);

  // Forgets everything since the last take (an aborted transaction: the events are read again).
  void drop();

  bool empty() const { return accumulators_.empty(); }
  // Bytes held by accumulators, and by the rows that they will make, for the flush threshold.
  size_t bytes() const { return accumulators_.bytes() + row_bytes_; }
  // All of it, series included.
  size_t memory_bytes() const { return bytes() + series_.memory_bytes(); }
  size_t series_count() const { return series_.size(); }
  // Labels that rules group by: what can overflow.
  std::vector<std::string> labels() const { return series_.labels(); }
  OverflowStatus overflow() const { return series_.overflow(); }
  const AggregatorCounters& counters() const { return counters_; }
  // Names of the rule groups that evaluate anything.
  const std::vector<std::string>& rule_groups() const { return series_.rule_groups(); }
  // Requests dropped as too late, by the rule_groups() that have a rule whose selection the event is in (SPEC 2).
  const std::vector<uint64_t>& dropped_late_by_rule_group() const { return dropped_late_; }

 private:
  void count_rows();
  void drop_late(const Event& event, uint32_t series);

  std::shared_ptr<const Plan> plan_;
  Duration allowed_lateness_;
  SeriesTable series_;
  Accumulators accumulators_;
  size_t counted_ = 0;  // accumulators whose rows are in row_bytes_
  size_t row_bytes_ = 0;
  EventTime now_ = EventTime::min();  // the greatest watermark seen
  AggregatorCounters counters_;
  std::vector<uint64_t> dropped_late_;  // by rule group
  std::vector<uint32_t> ids_;
};

}  // namespace tocsin
