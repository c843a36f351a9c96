#pragma once

// The flush of stage 1: accumulators of series, rolled up into rows of views.

#include <cstdint>
#include <vector>

#include "operators/accumulators.h"
#include "operators/plan.h"
#include "operators/series_table.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

// Rows by partials partition. Within a partition views come in plan order, rows by pane, then effect, then group.
std::vector<std::vector<v1::ViewRows>> flush_rows(const Plan& plan, const SeriesTable& series, Accumulators& accumulators,
                                                  uint32_t partitions);

}  // namespace tocsin
