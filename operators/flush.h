#pragma once

// The flush of stage 1: accumulators of series, rolled up into rows of views. What is looked at here, thresholds, predicates and groups,
// costs by row, not by event.
//
// Thread: the worker that owns series and accumulators.

#include <cstdint>
#include <vector>

#include "operators/accumulators.h"
#include "operators/plan.h"
#include "operators/series_table.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

// Rows by partials partition (`partitions` > 0). Within a partition views come in plan order, rows by pane, then effect, then group. Sorts
// the latencies in the accumulators; their number stays.
std::vector<std::vector<v1::ViewRows>> flush_rows(const Plan& plan, const SeriesTable& series, Accumulators& accumulators,
                                                  uint32_t partitions);

}  // namespace tocsin
