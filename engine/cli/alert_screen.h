#pragma once

// What `tocsin watch` and `tocsin demo` show: alerts as a consumer of the alert topic sees them, each beside the incident that caused it,
// above the state of the processes.
//
// Thread:  confined to its caller, which it blocks.
// Failure: of the reader; a broker that is away for a while is waited for.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/loadgen/options.h"
#include "engine/log/log.h"

namespace tocsin::cli {

struct WatchPlan {
  std::vector<loadgen::Incident> incidents;
  std::optional<EventTime> start;  // of the load: alerts that began before are left out. Without it: what comes from now on
  std::optional<Duration> length;  // end after so long
  bool expect_incidents = false;   // no incident within the time is a failure, also when stopped early
};

// A topic and how many partitions it has.
struct WatchedTopic {
  std::string name;
  int32_t partitions = 1;
};

// Shows alerts until `plan.length` is over or `stop` is set, then a table of the incidents. False if an incident that was over was not
// detected, or something fired without one; true also if nothing was to be judged: neither a length nor expect_incidents.
Result<bool> watch_alerts(const WatchPlan& plan, log::PartitionReader& reader, const WatchedTopic& alerts, const WatchedTopic& signals,
                          const std::atomic<bool>& stop);

}  // namespace tocsin::cli
