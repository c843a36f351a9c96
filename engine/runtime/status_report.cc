#include "engine/runtime/status_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tocsin {
namespace {

void add(const WorkerDetails& worker, WorkerDetails& sum) {
  for (const auto& [group, count] : worker.dropped_late_by_rule_group) {
    auto& counts = sum.dropped_late_by_rule_group;
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == group; });
    if (found == counts.end()) {
      counts.emplace_back(group, count);
    } else {
      found->second += count;
    }
  }
  for (const std::string& label : worker.overflowed_labels) {
    std::vector<std::string>& labels = sum.overflowed_labels;
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
  }
}

}  // namespace

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
    sum.overflowed_series += worker->overflowed_series;
    sum.overflowed_events += worker->overflowed_events;
    sum.memory_bytes += worker->memory_bytes;
    sum.over_budget = sum.over_budget || worker->memory_bytes > worker->memory_budget_bytes;
    add(worker->details(), sum.details);
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
                                 {"alerts", status.alerts},
                                 {"memoryBytes", status.memory_bytes}};
  if (!status.not_ready.empty()) json["notReady"] = status.not_ready;
  if (status.over_budget) json["overMemoryBudget"] = true;
  for (const auto& [group, count] : status.details.dropped_late_by_rule_group) {
    if (count > 0) json["droppedLateByRuleGroup"][group] = count;
  }
  if (!status.details.overflowed_labels.empty()) {
    json["overflow"] = {
        {"labels", status.details.overflowed_labels}, {"series", status.overflowed_series}, {"events", status.overflowed_events}};
  }
  if (status.evaluated_ms != WorkerStatus::kUnknown) json["evaluatedAt"] = format_rfc3339(status.evaluated_ms);
  // Reasons quote what others said, in whatever encoding.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace tocsin
