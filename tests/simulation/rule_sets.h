#pragma once

// The rules that schedules run under: small files that together use what has state or time in it.

#include <cstddef>
#include <memory>

#include "operators/plan.h"

namespace tocsin::simulation {

size_t rule_sets();
// Compiled once; shared by all jobs.
std::shared_ptr<const Plan> plan_of(size_t rule_set);

}  // namespace tocsin::simulation
