#pragma once

// Stage 1: events of input partitions to partial rows, in memory only (DESIGN 3).
//
// add() takes one message; take() hands out everything since the last take() as rows by partials partition. Nothing here is durable:
// what was not committed is read again.
//
// Thread:     worker-confined.
// Invariants: (1) whether an event is late is judged by its partition's watermark before its message, nothing else;
//             (2) rows of equal input are equal, whatever the batching.
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

// What became of the events since the process started.
struct AggregatorCounters {
  uint64_t events = 0;        // decoded and used for time, requests and measurements
  uint64_t late = 0;          // before their partition's watermark, counted in windows from then on
  uint64_t dropped_late = 0;  // older than the watermark by more than allowed_lateness
};

class Aggregator {
 public:
  Aggregator(std::shared_ptr<const Plan> plan, Duration allowed_lateness);

  // One message of a partition: its events are judged by `clock` and then move it.
  void add(const EventBatch& batch, PartitionClock& clock, std::optional<EventTime> append_time);

  // The rows since the last take, one list of ViewRows per partials partition; resets the accumulators.
  std::vector<std::vector<v1::ViewRows>> take(uint32_t partitions);

  // Forgets everything since the last take (an aborted transaction: the events are read again).
  void drop();

  bool empty() const { return accumulators_.empty(); }
  // Bytes held by accumulators, for the flush threshold.
  size_t bytes() const { return accumulators_.bytes(); }
  size_t series_count() const { return series_.size(); }
  const AggregatorCounters& counters() const { return counters_; }

 private:
  std::shared_ptr<const Plan> plan_;
  Duration allowed_lateness_;
  SeriesTable series_;
  Accumulators accumulators_;
  AggregatorCounters counters_;
  std::vector<uint32_t> ids_;
};

}  // namespace tocsin
