#pragma once

// Plans from rule text, and the windows of one group as a test wants them.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operators/plan.h"
#include "operators/rules/rule.h"
#include "operators/verdict.h"

namespace tocsin {

inline std::shared_ptr<const Plan> plan_of(const std::string& text) {
  const rules::LoadResult loaded = rules::load_rules({{"r.yaml", text}}, rules::LoadOptions());
  for (const rules::Finding& finding : loaded.findings) {
    TOCSIN_CHECK(finding.severity != rules::Finding::Severity::kError, finding.text);
  }
  return compile_plan(loaded.rules, PlanOptions());
}

// A file with one rule, R0, R1 … for each list of lines, each line a key of the rule.
inline std::string rules_text(const std::vector<std::vector<std::string>>& rules) {
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (size_t i = 0; i < rules.size(); ++i) {
    text += "  - alert: R" + std::to_string(i) + "\n";
    for (const std::string& line : rules[i]) text += "    " + line + "\n";
  }
  return text;
}

inline std::shared_ptr<const Plan> plan_of_exprs(const std::vector<std::string>& exprs) {
  std::vector<std::vector<std::string>> rules;
  rules.reserve(exprs.size());
  for (const std::string& expr : exprs) rules.push_back({"expr: '" + expr + "'"});
  return plan_of(rules_text(rules));
}

// A request as it counts into a window.
struct Request {
  uint64_t latency_us = kNoLatency;
  bool success = true;
  uint32_t weight = 1;
};

// The totals and sketches of one group; every window not set is empty.
class FixedWindows : public GroupWindows {
 public:
  explicit FixedWindows(const Plan& plan) : plan_(plan) {}

  // Counts the requests into every window, whatever its matchers.
  void set_all(const std::vector<Request>& requests) {
    for (size_t window = 0; window < plan_.windows.size(); ++window) set(static_cast<int>(window), requests);
  }

  void set(int window, const std::vector<Request>& requests) {
    const View& view = plan_.views[static_cast<size_t>(plan_.windows[static_cast<size_t>(window)].view)];
    Total& total = totals_[window] = Total();
    WindowSketch& sketch = sketches_[window] = WindowSketch();
    TDigest digest;
    total.above.resize(view.thresholds.size());
    total.predicates.resize(view.predicates.size());
    for (const Request& request : requests) {
      total.count += request.weight;
      if (!request.success) total.errors += request.weight;
      for (size_t i = 0; i < view.predicates.size(); ++i) {
        const auto no_labels = [](const rules::Matcher&) { return false; };
        if (view.predicates[i].resolve(request.success, no_labels).holds(request.latency_us)) total.predicates[i] += request.weight;
      }
      if (request.latency_us != kNoLatency) add_latency(view, request, total, digest, sketch);
    }
    sketch.digest = std::make_shared<const RankedDigest>(std::move(digest));
  }

  const Total& total(int window) override { return totals_[window]; }
  const WindowSketch& sketch(int window) override { return sketches_[window]; }

 private:
  static void add_latency(const View& view, const Request& request, Total& total, TDigest& digest, WindowSketch& sketch) {
    total.latency_count += request.weight;
    total.latency_sum_us += Uint128{request.latency_us} * request.weight;
    sketch.latency_min_us = std::min(sketch.latency_min_us, request.latency_us);
    sketch.latency_max_us = std::max(sketch.latency_max_us, request.latency_us);
    digest.add(static_cast<double>(request.latency_us), request.weight);
    for (size_t i = view.thresholds.size(); i-- > 0;) {
      if (request.latency_us <= view.thresholds[i]) continue;
      total.above[i] += request.weight;
      return;
    }
  }

  const Plan& plan_;
  std::map<int, Total> totals_;
  std::map<int, WindowSketch> sketches_;
};

// The value of the rule with that index.
inline Value value_of(const Plan& plan, GroupWindows& windows, size_t rule = 0) {
  return plan.rules[rule].program.evaluate(windows, plan.rules[rule].rule.min_events);
}

inline Program::Shown shown_by(const Plan& plan, GroupWindows& windows, size_t rule = 0) {
  return plan.rules[rule].program.show(windows, plan.rules[rule].rule.min_events);
}

}  // namespace tocsin
