#pragma once

// The one place that reads the wall clock. Everything else is given a Clock, so that tests can be.

#include <functional>

#include "engine/base/time.h"

namespace tocsin {

using Clock = std::function<WallTime()>;

// The system's time of day.
WallTime system_now();

// Whether `wait` has gone by since `since`. A clock that was set back behind that says so too: nobody knows how long it has been, and
// whoever went on waiting would stand still for as long as the clock was wrong.
inline bool has_passed(Duration wait, WallTime since, WallTime now) { return now < since || now - since >= wait; }

}  // namespace tocsin
