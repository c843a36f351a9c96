#pragma once

// What stage 1 keeps of the events since the last flush: one accumulator per series and pane.
//
// Latencies are appended to a buffer of 32-bit microseconds and looked at only at the flush; larger ones, and those of weighted events,
// go to a side list of pairs. Buffers come from an arena that is reset as a whole.
//
// Thread:     worker-confined; a full set is handed to the flush as a value.
// Invariants: (1) an event touches exactly one accumulator (DESIGN invariant 1); (2) bytes() follows the memory of accumulators, buffers
// and lists: an estimate, up to what is left over in blocks of the arena.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "operators/event/event.h"
#include "operators/total.h"

namespace tocsin {

// Which accumulator: all events of a series in a pane that take effect at the same tick.
struct AccumulatorKey {
  uint32_t series = 0;
  EventTime pane;
  EventTime visible_from = EventTime::min();  // min(): at the pane's end, as for every event that is not late

  friend bool operator==(const AccumulatorKey&, const AccumulatorKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const AccumulatorKey& key) {
    return H::combine(std::move(h), key.series, key.pane.ms, key.visible_from.ms);
  }
};

struct Accumulator {
  AccumulatorKey key;
  uint64_t weight = 0;
  uint64_t latency_weight = 0;
  Uint128 latency_sum_us = 0;
  uint64_t latency_min_us = UINT64_MAX;
  uint64_t latency_max_us = 0;
  EventTime last_event = EventTime::min();
  EventTime last_latency_event = EventTime::min();
  uint32_t* latencies = nullptr;  // weight 1, below 2^32 us
  uint32_t size = 0;
  uint32_t capacity = 0;
  int32_t side_list = -1;  // index into Accumulators::side_list()

  std::span<uint32_t> values() { return {latencies, size}; }
};

class Accumulators {
 public:
  using WeightedLatency = std::pair<uint64_t, uint32_t>;  // microseconds, weight

  // `with_latency`: whether any view reads latencies; else they are not kept.
  explicit Accumulators(bool with_latency) : with_latency_(with_latency) {}

  void add(const AccumulatorKey& key, const Event& event);

  std::vector<Accumulator>& all() { return accumulators_; }
  std::vector<WeightedLatency>& side_list(int32_t index) { return side_lists_[static_cast<size_t>(index)]; }
  bool empty() const { return accumulators_.empty(); }
  size_t bytes() const { return bytes_; }
  // Forgets everything; what all() and values() gave out is gone.
  void clear();

 private:
  // The accumulators that a series used last, by a hash of the pane: nearly ordered events flip between few panes.
  static constexpr size_t kRecent = 4;
  struct Recent {
    std::array<uint32_t, kRecent> accumulator;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  Accumulator& find_or_create(const AccumulatorKey& key);
  void append(Accumulator& accumulator, uint32_t latency_us);

  bool with_latency_;
  std::vector<Accumulator> accumulators_;
  absl::flat_hash_map<AccumulatorKey, uint32_t> index_;
  std::vector<Recent> recent_;  // by series
  std::vector<std::vector<WeightedLatency>> side_lists_;
  std::vector<std::unique_ptr<uint32_t[]>> blocks_;  // the arena
  size_t block_used_ = 0;
  size_t bytes_ = 0;
};

}  // namespace tocsin
