#include "tests/simulation/rule_sets.h"

#include <array>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "operators/rules/rule.h"

namespace tocsin::simulation {
namespace {

// Two or three rules each: what a schedule costs is mostly their evaluation.
constexpr std::array<const char*, 7> kRuleSets = {
    R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Errors
    expr: error_rate{domain="chat"}[10s] > 30%
    by: [region]
    min_events: 3
    keep_firing_for: 2s
  - alert: Quiet
    expr: count{domain="wallet"}[3s] < 2
    by: [region]
)",
    R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Slow
    expr: p90[8s] > 150ms
    by: [domain, region]
    for: 2s
    cooldown: 7s
    resolve: p90[4s] < 140ms
  - alert: Silent
    expr: absent[3s]
)",
    R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Mixed
    interval: 250ms
    expr: share(latency > 150ms and not {region="eu"})[6s] >= 25% and count[6s] > 3
    no_data: keep
  - alert: Forgotten
    expr: count[2s] > 0
    by: [domain, session_id]
    group_retention: 5s
)",
    R"(
groups:
- name: g
  interval: 500ms
  rules:
  - alert: Waiting
    expr: error_rate[4s] > 20%
    by: [region]
    no_data: alert
    for: 1s
    keep_firing_for: 3s
  - alert: Sums
    expr: errors[5s] + count(latency > 100ms)[5s] >= 3
    by: [region, session_id]
    group_retention: 10s
)",
    R"(
groups:
- name: fast
  interval: 500ms
  rules:
  - alert: Median
    expr: p50[5s] > 1.2 * p50[20s]
    by: [region]
    min_events: 2
- name: slow
  interval: 5s
  rules:
  - alert: Long
    expr: success_rate[1m] < 80%
    by: [domain]
    for: 5s
    no_data: keep
)",
    R"(
groups:
- name: g
  interval: 250ms
  rules:
  - alert: Rate
    expr: rate{region="eu"}[2s] > 1
    by: [domain]
    resolve: rate{region="eu"}[4s] < 0.5
  - alert: Average
    interval: 1s
    expr: avg[6s] > 120ms or max[2s] > 250ms
    by: [domain]
    cooldown: 4s
)",
    R"(
groups:
- name: g
  interval: 500ms
  rules:
  - alert: Gone
    expr: count[2s] >= 1
    by: [domain, session_id]
    no_data: keep
    min_events: 1
    keep_firing_for: 20s
    group_retention: 3s
  - alert: Late
    expr: errors[6s] > 2
    by: [region]
    keep_firing_for: 30s
    group_retention: 6s
)"};

std::shared_ptr<const Plan> compile(const std::string& text) {
  const rules::LoadResult loaded = rules::load_rules({{"simulation.yaml", text}}, rules::LoadOptions());
  for (const rules::Finding& finding : loaded.findings) {
    TOCSIN_CHECK(finding.severity != rules::Finding::Severity::kError, finding.text);
  }
  return compile_plan(loaded.rules, PlanOptions());
}

}  // namespace

size_t rule_sets() { return kRuleSets.size(); }

std::shared_ptr<const Plan> plan_of(size_t rule_set) {
  static const std::vector<std::shared_ptr<const Plan>> plans = [] {
    std::vector<std::shared_ptr<const Plan>> all;
    all.reserve(kRuleSets.size());
    for (const char* text : kRuleSets) all.push_back(compile(text));
    return all;
  }();
  return plans[rule_set];
}

}  // namespace tocsin::simulation
