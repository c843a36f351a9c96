#pragma once

// The one place that reads the wall clock. Everything else is given a Clock, so that tests can be.

#include <functional>

#include "engine/base/time.h"

namespace tocsin {

using Clock = std::function<WallTime()>;

// The system's time of day.
WallTime system_now();

}  // namespace tocsin
