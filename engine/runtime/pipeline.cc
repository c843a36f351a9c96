#include "engine/runtime/pipeline.h"

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

}  // namespace tocsin
