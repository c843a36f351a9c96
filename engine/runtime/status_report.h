#pragma once

// What a process tells about itself each second: to its log, and as one JSON object a second to <app>.signals.
//
// Thread: WorkerStatus is written by its worker and read by the reporter; single values, no order between them.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/worker_metrics.h"

namespace tocsin {

// What of a worker's status is no single number.
struct WorkerDetails {
  std::vector<std::pair<std::string, uint64_t>> dropped_late_by_rule_group;
  std::vector<std::string> overflowed_labels;  // at present, the first one given up first
  friend bool operator==(const WorkerDetails&, const WorkerDetails&) = default;
};

struct WorkerStatus {
  static constexpr int64_t kUnknown = INT64_MIN;

  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> late{0};
  std::atomic<uint64_t> dropped_late{0};
  std::atomic<uint64_t> dead_letters{0};
  std::atomic<uint64_t> series{0};
  std::atomic<uint64_t> groups{0};
  std::atomic<uint64_t> alerts{0};
  std::atomic<int64_t> lag{0};
  std::atomic<int64_t> evaluated_ms{kUnknown};
  MetricsSlot metrics;
  std::atomic<uint64_t> overflowed_series{0};  // at hand, with `__overflow__` for some label
  std::atomic<uint64_t> overflowed_events{0};  // weight of requests counted in groups with `__overflow__`, since the start
  std::atomic<uint64_t> memory_bytes{0};       // by the worker's own account
  std::atomic<uint64_t> memory_budget_bytes{0};

  void set_details(WorkerDetails details) {
    const std::lock_guard lock(mutex_);
    details_ = std::move(details);
  }
  WorkerDetails details() const {
    const std::lock_guard lock(mutex_);
    return details_;
  }

 private:
  mutable std::mutex mutex_;
  WorkerDetails details_;
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
  uint64_t overflowed_series = 0;
  uint64_t overflowed_events = 0;
  uint64_t memory_bytes = 0;
  bool over_budget = false;            // some worker holds more than its share
  WorkerDetails details;               // rule groups added up, labels each once
  std::vector<std::string> not_ready;  // why /readyz answers 503, if it does; of the process as a whole, so not set by sum_up()
};

ProcessStatus sum_up(const std::vector<const WorkerStatus*>& workers, const ProcessStatus& before, WallTime now);

// {"type": "status", "instance": ..., "eventsPerSecond": ...}; documented in docs/operations.md.
std::string status_to_json(const ProcessStatus& status, const std::string& instance);

}  // namespace tocsin
