#pragma once

// What a worker lets others see of itself, for /metrics and /readyz: a snapshot, made some times a second between two steps. Nothing of
// it is on the path of an event.
//
// Thread: WorkerMetrics is a plain value, immutable once it is in a MetricsSlot. A slot is filled by its worker and read by any.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/histogram.h"
#include "operators/rule_state.h"

namespace tocsin {

// Since when a partition has waited for its watermark although there is more to read.
class StallClock {
 public:
  // `waiting`: there is more to read, and the partition is not held back on purpose.
  void update(std::optional<EventTime> watermark, bool waiting, WallTime now) {
    if (!waiting || watermark != watermark_) since_.reset();
    if (waiting && !since_) since_ = now;
    watermark_ = watermark;
  }
  std::optional<WallTime> since() const { return since_; }

 private:
  std::optional<EventTime> watermark_;
  std::optional<WallTime> since_;
};

struct PartitionMetrics {
  std::string topic;
  int32_t partition = 0;
  std::optional<int64_t> lag;          // messages behind the readable end, as last asked
  std::optional<EventTime> watermark;  // stage 1: of the partition; stage 2: of the evaluation
  std::optional<EventTime> evaluated;  // stage 2: every tick up to here
  std::optional<WallTime> stalled_since;
  std::string held_back_by;  // stage 2: the input partition with the least watermark
};

struct WorkerMetrics {
  enum class Phase { kJoining, kRestoring, kWorking };

  Phase phase = Phase::kJoining;
  std::optional<WallTime> last_contact;  // the brokers' last sign of life; absent before the first, and if none is to be expected
  std::vector<PartitionMetrics> partitions;

  // Stage 1.
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t events = 0;
  uint64_t late = 0;
  uint64_t dropped_late = 0;
  uint64_t dead_letters = 0;
  uint64_t lost_offsets = 0;
  uint64_t frames_written = 0;
  uint64_t frame_bytes_written = 0;
  uint64_t series = 0;
  uint64_t accumulator_bytes = 0;
  uint64_t overflowed_series = 0;
  uint64_t overflowed_events = 0;
  std::map<std::string, bool> overflowing;                     // labels that rules group by: whether they overflow now
  std::map<std::string, uint64_t> dropped_late_by_rule_group;  // an event once for each group that selects it

  // Stage 2.
  uint64_t frames_applied = 0;
  uint64_t frames_repeated = 0;
  uint64_t rows_applied = 0;
  uint64_t rows_of_unknown_views = 0;
  uint64_t ticks = 0;
  uint64_t groups = 0;
  uint64_t restores = 0;
  uint64_t changelog_records_read = 0;
  std::map<std::string, LiveInstances> instances;                            // by rule
  std::map<std::pair<std::string, std::string>, uint64_t> alerts_committed;  // by rule and state
  Histogram tick_delay{Histogram::kDelayBoundsMs};
  Histogram alert_commit_delay{Histogram::kDelayBoundsMs};
  Histogram alert_detection{Histogram::kDelayBoundsMs};

  // Both.
  uint64_t memory_bytes = 0;  // by the worker's own account
  uint64_t memory_budget_bytes = 0;
  uint64_t input_pauses = 0;
  uint64_t transactions_rolled_back = 0;
  Histogram commit_durations{Histogram::kCommitBoundsMs};
};

class MetricsSlot {
 public:
  // Between two snapshots.
  static constexpr Duration kInterval{250};

  // The worker's, after each step: replaces the snapshot by `make()` if it is old enough.
  template <typename Make>
  void refresh(WallTime now, const Make& make) {
    if (made_at_ && now >= *made_at_ && now - *made_at_ < kInterval) return;
    made_at_ = now;
    auto snapshot = std::make_shared<const WorkerMetrics>(make());
    const std::lock_guard lock(mutex_);
    latest_ = std::move(snapshot);
  }
  // Null before the first one.
  std::shared_ptr<const WorkerMetrics> latest() const {
    const std::lock_guard lock(mutex_);
    return latest_;
  }

 private:
  std::optional<WallTime> made_at_;  // the worker's own
  mutable std::mutex mutex_;
  std::shared_ptr<const WorkerMetrics> latest_;
};

}  // namespace tocsin
