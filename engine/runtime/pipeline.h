#pragma once

// What every way of running the engine has in common: configuration and rules to a plan, and to the options of the workers.
//
// Thread: pure functions, but for reading the rule files.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/config.h"
#include "engine/runtime/aggregate_worker.h"
#include "engine/runtime/evaluate_worker.h"
#include "engine/runtime/memory_budget.h"
#include "engine/runtime/shared_ledger.h"
#include "engine/runtime/status_report.h"
#include "operators/plan.h"
#include "operators/rules/rule.h"

namespace tocsin {

// Reads and checks rule files and compiles them. All findings (errors and warnings, complete lines) are appended to `findings`; an error
// among them makes the result kInvalidArgument.
Result<std::shared_ptr<const Plan>> load_plan(const std::vector<std::string>& rule_files, const config::TimeConfig& time,
                                              const rules::LoadOptions& options, std::vector<std::string>& findings);

// The same of rules in memory: pairs of the name that findings show and the text.
Result<std::shared_ptr<const Plan>> make_plan(const std::vector<std::pair<std::string, std::string>>& rule_files,
                                              const config::TimeConfig& time, const rules::LoadOptions& options,
                                              std::vector<std::string>& findings);

// Everything but worker names, topics and memory.
AggregateOptions aggregate_options(const config::TimeConfig& time);
// A worker's share of the memory. Series are remembered as long as groups are. Without a ledger groups have no bound.
void use_memory(const MemoryBudget& memory, int64_t max_series, Duration group_retention, SharedLedger* ledger, AggregateOptions& options);
void use_memory(const MemoryBudget& memory, SharedLedger* ledger, EvaluateOptions& options);

// What workers tell of themselves; call from the worker's thread.
void write_status(const AggregateWorker& worker, WorkerStatus& status);
void write_status(const EvaluateWorker& worker, WorkerStatus& status);

}  // namespace tocsin
