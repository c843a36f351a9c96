#include "engine/runtime/status_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tocsin {

ProcessStatus sum_up(const std::vector<const WorkerStatus*>& workers, const ProcessStatus& before, WallTime now) {
  ProcessStatus sum;
  sum.at = now;
  for (const WorkerStatus* worker : workers) {
    sum.events += worker->events;
    sum.late += worker->late;
    sum.dropped_late += worker->dropped_late;
    sum.dead_letters += worker->dead_letters;
    sum.series += worker->series;
    sum.groups += worker->groups;
    sum.alerts += worker->alerts;
    sum.lag += worker->lag;
    const int64_t evaluated = worker->evaluated_ms;
    if (evaluated == WorkerStatus::kUnknown) continue;
    sum.evaluated_ms = sum.evaluated_ms == WorkerStatus::kUnknown ? evaluated : std::min(sum.evaluated_ms, evaluated);
  }
  const double seconds = static_cast<double>((now - before.at).ms) / 1000;
  if (before.at.ms != 0 && seconds > 0)
    sum.events_per_second = static_cast<double>(sum.events - std::min(before.events, sum.events)) / seconds;
  return sum;
}

std::string status_to_json(const ProcessStatus& status, const std::string& instance) {
  nlohmann::ordered_json json = {{"type", "status"},
                                 {"instance", instance},
                                 {"time", format_rfc3339(status.at.ms)},
                                 {"events", status.events},
                                 {"eventsPerSecond", static_cast<int64_t>(status.events_per_second)},
                                 {"lag", status.lag},
                                 {"late", status.late},
                                 {"droppedLate", status.dropped_late},
                                 {"deadLetters", status.dead_letters},
                                 {"series", status.series},
                                 {"groups", status.groups},
                                 {"alerts", status.alerts}};
  if (status.evaluated_ms != WorkerStatus::kUnknown) json["evaluatedAt"] = format_rfc3339(status.evaluated_ms);
  return json.dump();
}

}  // namespace tocsin
