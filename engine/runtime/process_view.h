#pragma once

// A process at a moment, as /metrics and /readyz look at it.
//
// Thread: a plain value.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/cluster.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/process_metrics.h"
#include "engine/runtime/worker_metrics.h"
#include "state/rocksdb/rocksdb_store.h"

namespace tocsin {

enum class ProcessPhase {
  kStarting,  // before there are workers: topics are checked, the state is opened
  kRunning,
  kStopping,
  kFailed,
};

struct WorkerView {
  std::string name;
  Role role = Role::kAggregate;
  FlightRecorder::Phase flight = FlightRecorder::Phase::kStopped;
  std::shared_ptr<const WorkerMetrics> metrics;  // null while it starts
};

struct ProcessView {
  WallTime now;
  std::string version;
  ProcessPhase phase = ProcessPhase::kStarting;
  std::string detail;  // what it is starting with, or why it failed
  std::vector<std::string> rules;
  std::vector<WorkerView> workers;
  std::optional<state::RocksDbStatistics> store;
  ProcessMetrics process;
};

}  // namespace tocsin
