#pragma once

// Event time of one input partition: its watermark, and what of it has to survive a change of owner (SPEC 2).
//
// Thread:     worker-confined.
// Invariants: (1) watermark() never decreases; (2) without idle time it is at most the greatest event time - max_out_of_orderness.
// Failure:    decode() gives nothing for text that encode() cannot have written.

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

class PartitionClock {
 public:
  explicit PartitionClock(Duration max_out_of_orderness = {}) : max_out_of_orderness_(max_out_of_orderness) {}

  // EventTime::min() until there was an event or idle time.
  EventTime watermark() const { return watermark_; }
  bool has_watermark() const { return watermark_ != EventTime::min(); }
  std::optional<EventTime> first_event() const { return first_event_; }
  std::optional<EventTime> largest_event() const { return largest_event_; }
  bool idle() const { return idle_; }

  // The events of a message are judged against the watermark before it: read it first, then observe them.
  // `append_time`: the record's, on topics that stamp it; an event counts towards the watermark only up to it.
  void observe(EventTime time, std::optional<EventTime> append_time);

  // The partition is proven to have ended at wall clock `now` (as event time): its watermark follows, less the same allowance.
  // False if that moves nothing.
  bool follow_wall_clock(EventTime now);

  // Text that travels with the committed offset (DESIGN 3), under 100 bytes.
  std::string encode() const;
  static std::optional<PartitionClock> decode(std::string_view text, Duration max_out_of_orderness);
  // Text that decode() refuses, but a newer version of this one may have written.
  static bool is_of_newer_version(std::string_view text);

 private:
  Duration max_out_of_orderness_;
  EventTime watermark_ = EventTime::min();
  std::optional<EventTime> first_event_;
  std::optional<EventTime> largest_event_;
  bool idle_ = false;
};

}  // namespace tocsin
