#pragma once

// Where a verdict hangs on an estimate (SPEC 3.1): a quantile that is not simply compared with a constant comes from the t-digest, and
// `distinct` from a HyperLogLog that is exact up to 256 values only. No mistake, but whoever relies on the alert should know.

#include "operators/rules/report.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {

// At most one note for `expr` and one for `resolve`, at the first such aggregate.
void note_estimates(const AlertRule& rule, Report& report);

}  // namespace tocsin::rules
