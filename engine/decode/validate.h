#pragma once

// What an event must be, whatever it was encoded in (SPEC 1).
//
// Thread: pure functions.

#include <array>
#include <cstdint>
#include <string_view>

#include "operators/event/event.h"

namespace tocsin::decode {

// What a decoder found; members keep their defaults if absent.
struct EventFacts {
  int64_t timestamp_ms = 0;
  double latency_ms = 0;
  double value = 0;
  std::string_view domain;
  uint32_t weight = 0;
  bool has_latency = false;
  bool has_value = false;
  bool has_metric = false;      // and it is not ""
  bool has_error_code = false;  // and it is not ""
  bool has_success = false;
  bool success = false;
};

// The last millisecond of the year 8999. RFC 3339 cannot name an instant after the year 9999, and alert events name ticks that follow their
// events by retention, `for`, `keep_firing_for` and `cooldown`: a hundred years each at most. Beyond the bound lie in practice only times
// in micro- or nanoseconds, and one of those would carry the watermark away for good where no wall clock guards it.
inline constexpr int64_t kTimestampMaxMs = 221845391999999;

// The name of a level by its number in TelemetryEvent, or "": unspecified, or of a later version.
inline std::string_view level_name(uint64_t number) {
  constexpr std::array<std::string_view, 6> kNames = {"", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"};
  return number < kNames.size() ? kNames[number] : std::string_view{};
}

// Fills `event` (all but index and raw) from `facts`. Returns "" or the reason why the event cannot be used.
// The latency of a measurement is ignored, so it may be anything.
std::string_view make_event(const EventFacts& facts, Event& event);

}  // namespace tocsin::decode
