#pragma once

// Which events a load consists of: event number k as a function of the options and k alone.
//
// Every event draws its random numbers from a generator of its own that is seeded with (seed, k), so events may be made in any
// order, on any number of machines, for Kafka or for files, and are the same each time.
//
// Thread:     any; immutable.
// Invariants: (1) event(k) depends on nothing but the options and k; (2) due(k) never decreases with k;
//             (3) an event's time is in [due(k) - jitter_max, due(k)].
// Failure:    none; the options are checked by validate() before.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/loadgen/options.h"

namespace tocsin::loadgen {

// Names are indexes into the options' lists, so that an encoder can keep their bytes ready.
struct LoadEvent {
  EventTime time;
  uint32_t domain = 0;
  uint32_t region = 0;
  uint32_t operation = 0;
  bool success = true;
  uint32_t error_code = 0;  // index into error_codes(), if not success
  uint64_t latency_us = 0;
  uint32_t weight = 1;
  uint64_t trace_id_high = 0;
  uint64_t trace_id_low = 0;
  std::array<uint32_t, kLoadLabelsMax> labels{};  // of each label the value
  uint64_t actor = 0;
};

// The error codes that failures carry.
const std::vector<std::string_view>& error_codes();

class Generator {
 public:
  // `options` must be valid.
  explicit Generator(LoadOptions options);

  // Event number k, from 0; nothing if an incident silences it.
  std::optional<LoadEvent> event(uint64_t k) const;
  // When event number k is to be sent: start + floor(k/rate).
  EventTime due(uint64_t k) const;
  const LoadOptions& options() const { return options_; }

 private:
  static constexpr uint32_t kAll = UINT32_MAX;

  struct Effect {
    EventTime from;
    EventTime to;
    uint32_t domain = 0;
    uint32_t region = kAll;
    Incident::Kind kind = Incident::Kind::kErrorRate;
    double amount = 0;  // an error rate already in terms of what is emitted
  };

  // What the incidents make of an event.
  struct Conditions {
    double failure_share = 0;
    double latency_factor = 1;
    bool silent = false;
  };

  double emitted_failure_share(double real_share) const;
  Conditions conditions(const LoadEvent& event) const;

  LoadOptions options_;
  std::vector<Effect> effects_;
  double failure_share_ = 0;
  double latency_median_us_ = 0;
};

}  // namespace tocsin::loadgen
