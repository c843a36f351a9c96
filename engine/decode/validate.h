#pragma once

// What an event must be, whatever it was encoded in (SPEC 1).

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

// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can name: alert events have to. Beyond it lie in practice only times in
// micro- or nanoseconds, and one of those would carry the watermark away for good where no wall clock guards it.
inline constexpr int64_t kTimestampMaxMs = 253402300799999;

// Fills `event` (all but index and raw) from `facts`. Returns "" or the reason why the event cannot be used.
// The latency of a measurement is ignored, so it may be anything.
std::string_view make_event(const EventFacts& facts, Event& event);

}  // namespace tocsin::decode
