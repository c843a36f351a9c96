#include "engine/runtime/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/config/files.h"
#include "engine/runtime/check.h"

namespace tocsin {

Result<std::shared_ptr<const Plan>> load_plan(const std::vector<std::string>& rule_files, const config::TimeConfig& time,
                                              const rules::LoadOptions& options, std::vector<std::string>& findings) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& path : rule_files) {
    Result<std::string> content = config::read_file(path);
    if (!content.ok()) return content.status();
    files.emplace_back(path, std::move(*content));
  }
  return make_plan(files, time, options, findings);
}

Result<std::shared_ptr<const Plan>> make_plan(const std::vector<std::pair<std::string, std::string>>& rule_files,
                                              const config::TimeConfig& time, const rules::LoadOptions& options,
                                              std::vector<std::string>& findings) {
  const rules::LoadResult loaded = rules::load_rules(rule_files, options);
  for (const rules::Finding& finding : loaded.findings) {
    // Notes are for whoever asks (`tocsin check`).
    if (finding.severity != rules::Finding::Severity::kNote) findings.push_back(finding_line(finding));
  }
  if (!loaded.ok()) return invalid_argument("the rules cannot be used; see the findings above");
  PlanOptions plan_options{time.resolution, time.group_retention};
  std::shared_ptr<const Plan> plan = compile_plan(loaded.rules, plan_options);
  if (plan->rules.empty()) return invalid_argument("there is no enabled rule in the rule files, so there is nothing to do");
  return plan;
}

AggregateOptions aggregate_options(const config::TimeConfig& time) {
  AggregateOptions options;
  options.max_out_of_orderness = time.max_out_of_orderness;
  options.allowed_lateness = time.allowed_lateness;
  options.max_future_skew = time.max_future_skew;
  options.idle_timeout = time.idle_timeout;
  return options;
}

void use_memory(const MemoryBudget& memory, int64_t max_series, Duration group_retention, SharedLedger* ledger, AggregateOptions& options) {
  options.flush_bytes = memory.open_bytes;
  options.series = {static_cast<size_t>(max_series), memory.series_bytes, memory.lookup_bytes, group_retention, ledger,
                    memory.overflow_group_bytes};
}

void use_memory(const MemoryBudget& memory, SharedLedger* ledger, EvaluateOptions& options) {
  options.memory_bytes = memory.evaluate_bytes;
  options.ledger = ledger;
  // What fills transactions is held twice, and by several partitions.
  options.transaction_bytes = std::clamp(memory.evaluate_bytes / 16, size_t{256} << 10, options.transaction_bytes);
}

void write_status(const AggregateWorker& worker, WorkerStatus& status) {
  status.events = worker.events().events;
  status.late = worker.events().late;
  status.dropped_late = worker.events().dropped_late;
  status.dead_letters = worker.counters().dead_letters;
  status.series = worker.series_count();
  status.lag = worker.lag();
  status.memory_bytes = worker.memory_bytes();
  status.memory_budget_bytes = worker.memory_budget_bytes();
  OverflowStatus overflow = worker.overflow();
  status.overflowed_series = overflow.series;
  status.overflowed_events = worker.events().overflowed;
  status.set_details({worker.dropped_late_by_rule_group(), std::move(overflow.labels)});
}

void write_status(const EvaluateWorker& worker, WorkerStatus& status) {
  status.groups = worker.group_count();
  status.alerts = worker.counters().alerts;
  status.memory_bytes = worker.memory_bytes();
  status.memory_budget_bytes = worker.memory_budget_bytes();
  const std::optional<EventTime> evaluated = worker.evaluated();
  status.evaluated_ms = evaluated ? evaluated->ms : WorkerStatus::kUnknown;
}

}  // namespace tocsin
