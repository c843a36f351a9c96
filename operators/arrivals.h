#pragma once

// When the records that take effect at a tick had arrived: what `evidence.detection_ms` of an alert is counted from (SPEC 5).
//
// An estimate with a known sign: a frame tells only its oldest record, and a rule is asked only once an interval, so the event after which
// a verdict held may have come later than this says, never earlier.
//
// Thread: worker-confined.

#include <map>
#include <optional>

#include "engine/base/time.h"

namespace tocsin {

class Arrivals {
 public:
  // A row that takes effect at `effect` is of a frame whose oldest record is of `arrival`.
  void note(EventTime effect, WallTime arrival) {
    const auto [found, is_new] = oldest_.try_emplace(effect, arrival);
    if (!is_new && arrival < found->second) found->second = arrival;
  }

  // The oldest record behind the rows that took effect after `after` and at or before `tick`; nothing if there were none.
  std::optional<WallTime> oldest(EventTime after, EventTime tick) const {
    std::optional<WallTime> oldest;
    for (auto at = oldest_.upper_bound(after); at != oldest_.end() && at->first <= tick; ++at) {
      if (!oldest || at->second < *oldest) oldest = at->second;
    }
    return oldest;
  }

  void forget_up_to(EventTime tick) { oldest_.erase(oldest_.begin(), oldest_.upper_bound(tick)); }

 private:
  std::map<EventTime, WallTime> oldest_;
};

}  // namespace tocsin
