#include "operators/alerts.h"

#include <fmt/format.h>

#include <map>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "operators/rules/template.h"

namespace tocsin {
namespace {

constexpr std::string_view kSeparator = "\xff";

std::map<std::string, std::string> labels_of(const PlannedRule& rule, const std::vector<std::string>& group) {
  std::map<std::string, std::string> labels = rule.rule.labels;
  for (size_t i = 0; i < group.size(); ++i) {
    if (!group[i].empty()) labels.try_emplace(rule.by[i], group[i]);
  }
  return labels;
}

void set_evidence(const AlertContext& context, const Program::Shown& shown, v1::Evidence& evidence) {
  if (shown.aggregate < 0) return;
  const AggregateRef& aggregate = context.rule.program.aggregates[static_cast<size_t>(shown.aggregate)];
  const Window& window = context.plan.windows[static_cast<size_t>(aggregate.window)];
  const Total& total = context.windows.total(aggregate.window);
  evidence.set_count(total.count);
  evidence.set_errors(total.errors);
  evidence.set_window_start(format_rfc3339(window.tail(context.tick).ms));
  evidence.set_window_end(format_rfc3339(window.head(context.tick).ms));
  if (!context.plan.views[static_cast<size_t>(window.view)].latency || total.latency_count == 0) return;
  const WindowSketch& sketch = context.windows.sketch(aggregate.window);
  evidence.set_p50(sketch.quantile(0.5) / 1000);
  evidence.set_p95(sketch.quantile(0.95) / 1000);
  evidence.set_p99(sketch.quantile(0.99) / 1000);
}

}  // namespace

uint64_t fingerprint_of(const std::string& rule, const std::vector<std::string>& by, const std::vector<std::string>& values) {
  TOCSIN_CHECK(values.size() == by.size(), "a group has one value for each label of `by`");
  uint64_t hash = fnv1a(rule);
  for (size_t i = 0; i < by.size(); ++i) {
    if (values[i].empty()) continue;
    hash = fnv1a(kSeparator, hash);
    hash = fnv1a(by[i], hash);
    hash = fnv1a(kSeparator, hash);
    hash = fnv1a(values[i], hash);
  }
  return hash;
}

std::string format_fingerprint(uint64_t fingerprint) { return fmt::format("{:016x}", fingerprint); }

v1::AlertEvent make_alert(const AlertContext& context, Transition transition, const Instance& before, const Instance& after,
                          const std::string& reason) {
  const rules::AlertRule& rule = context.rule.rule;
  const bool resolved = transition == Transition::kResolved;
  const Instance& episode = resolved ? before : after;
  v1::AlertEvent alert;
  alert.set_fingerprint(format_fingerprint(fingerprint_of(rule.name, context.rule.by, context.group)));
  alert.set_id(fmt::format("{}-{}", alert.fingerprint(), episode.starts_at.ms));
  alert.set_sequence(after.sequence);
  alert.set_state(resolved ? "resolved" : "firing");
  alert.set_rule(rule.name);
  alert.set_group(rule.group);
  alert.set_severity(rule.severity);
  alert.set_reason(reason);
  alert.set_expr(rule.expr_text);
  alert.set_active_at(format_rfc3339(episode.active_at.ms));
  alert.set_starts_at(format_rfc3339(episode.starts_at.ms));
  if (resolved) alert.set_ends_at(format_rfc3339(context.tick.ms));
  alert.set_evaluated_at(format_rfc3339(context.tick.ms));
  Program::Shown shown = context.rule.program.show(context.windows, rule.min_events);
  if (!reason.empty()) shown.value.reset();  // a group that expires is not evaluated at that tick
  if (shown.value) alert.set_value(*shown.value);
  set_evidence(context, shown, *alert.mutable_evidence());
  const std::map<std::string, std::string> labels = labels_of(context.rule, context.group);
  alert.mutable_labels()->insert(labels.begin(), labels.end());
  for (const auto& [name, text] : rule.annotations) {
    (*alert.mutable_annotations())[name] = rules::expand_template(text, labels, shown.value);
  }
  return alert;
}

}  // namespace tocsin
