#pragma once

// What is said of stored state that cannot be used: what was found, and the way out.
//
// Thread: pure functions.

#include <cstdint>
#include <string_view>

#include "engine/base/status.h"

namespace tocsin {

// kDataLoss. `what` completes "the state of partials partition 3 holds …".
Status damaged_state(uint32_t partition, std::string_view what);

}  // namespace tocsin
