#include "engine/runtime/health.h"

#include <fmt/format.h>

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

void judge_partitions(const WorkerView& worker, WallTime now, std::string& reasons) {
  for (const PartitionMetrics& partition : worker.metrics->partitions) {
    if (!partition.stalled_since || now - *partition.stalled_since < kStall) continue;
    reasons += fmt::format("worker {}: the watermark of {}-{} has not moved for {} s, with {} messages to read", worker.name,
                           partition.topic, partition.partition, whole_seconds(now - *partition.stalled_since), partition.lag.value_or(0));
    if (!partition.held_back_by.empty()) reasons += fmt::format("; {} holds it back", partition.held_back_by);
    reasons += '\n';
  }
}

Health verdict(std::string reasons) {
  const bool ok = reasons.empty();
  return {ok, ok ? "ok\n" : std::move(reasons)};
}

}  // namespace

Health live(const ProcessView& process) {
  if (process.phase == ProcessPhase::kFailed) return verdict(fmt::format("ends: {}\n", process.detail));
  return verdict("");
}

Health ready(const ProcessView& process) {
  switch (process.phase) {
    case ProcessPhase::kStarting: return verdict(fmt::format("starts: {}\n", process.detail));
    case ProcessPhase::kStopping: return verdict("stops: what is open is being committed\n");
    case ProcessPhase::kFailed: return verdict(fmt::format("ends: {}\n", process.detail));
    case ProcessPhase::kRunning: break;
  }
  std::string reasons;
  for (const WorkerView& worker : process.workers) {
    if (const std::string what = hindrance(worker, process.now); !what.empty()) {
      reasons += fmt::format("worker {} {}\n", worker.name, what);
    } else {
      judge_partitions(worker, process.now, reasons);
    }
  }
  return verdict(std::move(reasons));
}

}  // namespace tocsin
