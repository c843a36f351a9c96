#pragma once

// What a process tells about itself each second: to its log, and as one JSON object a second to <app>.signals.
//
// Thread: WorkerStatus is written by its worker and read by the reporter; single values, no order between them.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/worker_metrics.h"

namespace tocsin {

struct WorkerStatus {
  static constexpr int64_t kUnknown = INT64_MIN;

  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> messages{0};
  std::atomic<uint64_t> late{0};
  std::atomic<uint64_t> dropped_late{0};
  std::atomic<uint64_t> dead_letters{0};
  std::atomic<uint64_t> series{0};
  std::atomic<uint64_t> groups{0};
  std::atomic<uint64_t> alerts{0};
  std::atomic<uint64_t> commits{0};
  std::atomic<int64_t> lag{0};
  std::atomic<int64_t> watermark_ms{kUnknown};
  std::atomic<int64_t> evaluated_ms{kUnknown};
  MetricsSlot metrics;
};

// The sum over the workers of a process.
struct ProcessStatus {
  WallTime at;
  uint64_t events = 0;
  double events_per_second = 0;
  uint64_t late = 0;
  uint64_t dropped_late = 0;
  uint64_t dead_letters = 0;
  uint64_t series = 0;
  uint64_t groups = 0;
  uint64_t alerts = 0;
  int64_t lag = 0;
  int64_t evaluated_ms = WorkerStatus::kUnknown;  // the least
};

ProcessStatus sum_up(const std::vector<const WorkerStatus*>& workers, const ProcessStatus& before, WallTime now);

// {"type": "status", "instance": ..., "eventsPerSecond": ...}; documented in docs/operations.md.
std::string status_to_json(const ProcessStatus& status, const std::string& instance);

}  // namespace tocsin
