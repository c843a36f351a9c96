#pragma once

// Sums over a window or a pane of one group in one view: what partial rows, panes and running totals have in common.
//
// All integers, so that adding what enters and subtracting what leaves is exact in any order.
//
// Thread: plain values, worker-confined.

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/time.h"
#include "operators/sketch/sketch_parts.h"

namespace tocsin {

__extension__ typedef unsigned __int128 Uint128;  // `using` would not take __extension__
__extension__ typedef __int128 Int128;

struct Counters {
  uint64_t count = 0;                // sum of weights of requests
  uint64_t errors = 0;               // of failed ones
  uint64_t latency_count = 0;        // of those with a latency
  Uint128 latency_sum_us = 0;        // sum of weight * latency
  std::vector<uint64_t> predicates;  // per predicate of the view

  void add(const Counters& other);
  // Precondition: `other` was added before.
  void subtract(const Counters& other);
  bool empty() const { return count == 0; }
};

// Of a row or a pane: weights of latencies between neighbouring thresholds of a view, few of which are not 0.
class SparseCounts {
 public:
  // Weights of latencies in (thresholds[first], thresholds[first + 1]]; the last one is open upwards.
  using Entry = std::pair<uint32_t, uint64_t>;

  // Cheapest when `threshold` is not below those before.
  void add(uint32_t threshold, uint64_t weight);
  void add(const SparseCounts& other);
  void clear() { entries_.clear(); }
  // Ascending by threshold, weights not 0.
  const std::vector<Entry>& entries() const { return entries_; }
  size_t heap_bytes() const { return entries_.capacity() * sizeof(Entry); }
  friend bool operator==(const SparseCounts&, const SparseCounts&) = default;

 private:
  std::vector<Entry> entries_;
};

// Of a row or a pane.
struct PartialTotal : Counters {
  SparseCounts above;

  void add(const PartialTotal& other);
  // Memory that it holds beside itself.
  size_t heap_bytes() const { return above.heap_bytes() + predicates.capacity() * sizeof(uint64_t); }
};

// Of a window.
struct Total : Counters {
  // As the entries of SparseCounts, by threshold; what lies behind the last element is 0.
  std::vector<uint64_t> above;

  void add(const PartialTotal& other);
  // Precondition: `other` was added before.
  void subtract(const PartialTotal& other);
  // Sum of weights of latencies > thresholds[i].
  uint64_t count_above(int threshold) const;
};

// What cannot be subtracted: extremes and the quantile sketch, of rows and panes. Windows: sketch/window_sketch.h.
struct PartialSketch {
  uint64_t latency_min_us = UINT64_MAX;
  uint64_t latency_max_us = 0;
  SketchParts parts;

  // Parts of hot groups become one when they are this long: it bounds what a group takes in memory until its row is written.
  static constexpr size_t kBytesMax = 16 << 10;

  void merge(const PartialSketch& other);
};

// One group's part in one pane of one view.
struct Partial {
  PartialTotal total;
  PartialSketch sketch;
  EventTime last_event = EventTime::min();          // greatest event time of requests
  EventTime last_latency_event = EventTime::min();  // of those with a latency

  void merge(const Partial& other);
};

}  // namespace tocsin
