#pragma once

// Counts of durations by fixed bounds, as Prometheus' histograms want them.
//
// Thread:     confined to whoever holds it; copied into what he publishes.
// Invariants: (1) bounds rise; (2) no count ever falls, nor does the sum: a duration below 0 counts as 0.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/time.h"

namespace tocsin {

class Histogram {
 public:
  // Of transactions.
  static constexpr std::array<int64_t, 11> kCommitBoundsMs = {5, 10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000};
  // From a tick's time to what became of it.
  static constexpr std::array<int64_t, 12> kDelayBoundsMs = {100,   250,   500,    750,    1'000,  2'000,
                                                             3'000, 5'000, 10'000, 30'000, 60'000, 600'000};

  // `bounds_ms` must outlive every copy: one of the above.
  explicit Histogram(std::span<const int64_t> bounds_ms) : bounds_ms_(bounds_ms), counts_(bounds_ms.size() + 1) {}

  void observe(Duration duration);
  // Of equal bounds.
  void add(const Histogram& other);

  std::span<const int64_t> bounds_ms() const { return bounds_ms_; }
  // Up to and with each bound but above the one before it; last those above all bounds.
  const std::vector<uint64_t>& counts() const { return counts_; }
  Duration sum() const { return sum_; }

 private:
  std::span<const int64_t> bounds_ms_;
  std::vector<uint64_t> counts_;
  Duration sum_;
};

}  // namespace tocsin
