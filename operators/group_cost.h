#pragma once

// What one more group takes in the memory of stage 2 at most: its names, a total in each window, an entry, an instance and timers in each
// rule that groups so. From above: tables are taken to be as empty as they can be just after they have grown.
//
// Thread:     plain functions over an immutable plan.

#include <cstddef>
#include <vector>

#include "operators/plan.h"

namespace tocsin {

// For each group space of the plan: bytes without label values.
std::vector<size_t> group_costs(const Plan& plan);

// Bytes that a label value of a group adds.
inline constexpr size_t label_value_cost(size_t size) { return 2 * (size + 16) + 32; }

}  // namespace tocsin
