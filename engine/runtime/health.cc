#include "engine/runtime/health.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tocsin {
namespace {

int64_t whole_seconds(Duration duration) { return duration.ms / 1000; }

// What keeps a worker from its work as a whole; "" if nothing does.
std::string hindrance(const WorkerView& worker, WallTime now) {
  // A restore blocks its worker, so the snapshot does not know of it.
  if (worker.flight == FlightRecorder::Phase::kRestoring) return "restores its state";
  if (worker.metrics == nullptr) return "starts: it waits for the brokers, or for an earlier transaction to end";
  const WorkerMetrics& metrics = *worker.metrics;
  if (metrics.last_contact && now - *metrics.last_contact > kBrokerSilence) {
    return fmt::format("has heard nothing from the brokers for {} s", whole_seconds(now - *metrics.last_contact));
  }
  switch (metrics.phase) {
    case WorkerMetrics::Phase::kJoining: return "joins its consumer group";
    case WorkerMetrics::Phase::kRestoring: return "restores its state: it reads partials again";
    case WorkerMetrics::Phase::kWorking: break;
  }
  return "";
}

void judge_partitions(const WorkerView& worker, WallTime now, std::vector<std::string>& reasons) {
  for (const PartitionMetrics& partition : worker.metrics->partitions) {
    if (!partition.stalled_since || now - *partition.stalled_since < kStall) continue;
    std::string& reason = reasons.emplace_back();
    reason = fmt::format("worker {}: the watermark of {}-{} has not moved for {} s, with {} messages to read", worker.name, partition.topic,
                         partition.partition, whole_seconds(now - *partition.stalled_since), partition.lag.value_or(0));
    if (!partition.held_back_by.empty()) reason += fmt::format("; {} holds it back", partition.held_back_by);
  }
}

}  // namespace

std::string Health::text() const { return ok() ? "ok\n" : fmt::format("{}\n", fmt::join(reasons, "\n")); }

Health live(const ProcessView& process) {
  if (process.phase == ProcessPhase::kFailed) return {{fmt::format("ends: {}", process.detail)}};
  return {};
}

Health ready(const ProcessView& process) {
  switch (process.phase) {
    case ProcessPhase::kStarting: return {{fmt::format("starts: {}", process.detail)}};
    case ProcessPhase::kStopping: return {{"stops: what is open is being committed"}};
    case ProcessPhase::kFailed: return {{fmt::format("ends: {}", process.detail)}};
    case ProcessPhase::kRunning: break;
  }
  Health health;
  for (const WorkerView& worker : process.workers) {
    if (const std::string what = hindrance(worker, process.now); !what.empty()) {
      health.reasons.push_back(fmt::format("worker {} {}", worker.name, what));
    } else {
      judge_partitions(worker, process.now, health.reasons);
    }
  }
  return health;
}

}  // namespace tocsin
