#include "operators/rules/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "operators/rules/constant.h"
#include "operators/rules/expression_check.h"
#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

// Labels whose values appear with a deployment and go with the next one.
constexpr std::array<std::string_view, 14> kPassingLabels = {"version",      "pod",
                                                             "instance",     "host",
                                                             "hostname",     "node",
                                                             "container",    "replica",
                                                             "release",      "service.version",
                                                             "k8s.pod.name", "service.instance.id",
                                                             "session_id",   "deployment"};

using Visit = std::function<void(const Expr&)>;

void walk(const Expr& expr, const Visit& visit) {
  visit(expr);
  for (const Expr& child : expr.children) walk(child, visit);
}

bool is_request_latency(const Aggregate& aggregate) {
  if (aggregate.metric) return false;
  switch (aggregate.kind) {
    case AggregateKind::kQuantile:
    case AggregateKind::kAvg:
    case AggregateKind::kMin:
    case AggregateKind::kMax:
    case AggregateKind::kSum: return true;
    default: return false;
  }
}

// Whether the value is a length of time: a latency, a multiple of one, or a sum or difference with one in it.
bool is_latency(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kAggregate: return is_request_latency(*expr.aggregate);
    case Expr::Kind::kNegate: return is_latency(expr.children[0]);
    case Expr::Kind::kArithmetic: break;
    default: return false;
  }
  const Expr& left = expr.children[0];
  const Expr& right = expr.children[1];
  switch (expr.arithmetic_op) {
    case ArithmeticOp::kAdd:
    case ArithmeticOp::kSubtract: return is_latency(left) || is_latency(right);
    case ArithmeticOp::kMultiply: return (is_latency(left) && is_constant(right)) || (is_constant(left) && is_latency(right));
    case ArithmeticOp::kDivide: return is_latency(left) && is_constant(right);
  }
  return false;
}

bool has_unit(const Expr& expr) {
  bool found = false;
  walk(expr, [&](const Expr& node) { found = found || node.has_unit; });
  return found;
}

void warn_missing_unit(Position position, std::string_view subject, const Rational& number, Report& report) {
  const std::string text = to_string(number);
  report.warning(position, fmt::format("{0} is compared with {1} without a unit, which means {1} ms; write {1}ms or {1}s", subject, text));
}

void lint_predicate_units(const Predicate& predicate, Position position, Report& report) {
  if (predicate.kind == Predicate::Kind::kLatency && !predicate.has_unit && predicate.constant != 0) {
    warn_missing_unit(position, "latency", predicate.constant, report);
  }
  for (const Predicate& child : predicate.children) lint_predicate_units(child, position, report);
}

void lint_units(const Expr& expr, Report& report) {
  walk(expr, [&](const Expr& node) {
    if (node.kind == Expr::Kind::kAggregate && node.aggregate->predicate) {
      lint_predicate_units(*node.aggregate->predicate, node.position, report);
    }
    if (node.kind != Expr::Kind::kCompare) return;
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const Expr& latency = node.children[side];
      const Expr& constant = node.children[1 - side];
      if (!is_latency(latency) || has_unit(constant)) continue;
      const std::optional<Rational> number = fold_constant(constant);
      if (number && *number != 0) warn_missing_unit(constant.position, to_string(latency), *number, report);
    }
  });
}

// With few events a high quantile is the slowest of them.
void lint_quantiles(const AlertRule& rule, Report& report) {
  if (rule.min_events > 0) return;
  bool warned = false;
  walk(rule.expr, [&](const Expr& node) {
    if (warned || node.kind != Expr::Kind::kAggregate || node.aggregate->kind != AggregateKind::kQuantile) return;
    const Rational& q = node.aggregate->quantile;
    if (q <= Rational(1, 2) || q >= 1) return;
    warned = true;
    report.warning(node.position,
                   fmt::format("a quantile without 'min_events': of a handful of events the {} quantile is the slowest one", to_string(q)));
  });
}

// count < n, or the same turned round: true of a window without events. Null if `comparison` is nothing of the kind.
const Aggregate* low_count(const Expr& comparison) {
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const Expr& aggregate = comparison.children[side];
    if (aggregate.kind != Expr::Kind::kAggregate || !is_constant(comparison.children[1 - side])) continue;
    const AggregateKind kind = aggregate.aggregate->kind;
    const bool counts = kind == AggregateKind::kCount || kind == AggregateKind::kRate || kind == AggregateKind::kCountIf;
    const CompareOp op = comparison.compare_op;
    const bool less = op == CompareOp::kLess || op == CompareOp::kLessEqual;
    const bool greater = op == CompareOp::kGreater || op == CompareOp::kGreaterEqual;
    if (counts && ((side == 0 ? less : greater) || op == CompareOp::kEqual)) return aggregate.aggregate.get();
  }
  return nullptr;
}

void lint_passing_labels(const AlertRule& rule, Report& report) {
  const auto label = std::find_if(rule.by.begin(), rule.by.end(), [](const std::string& name) {
    return std::find(kPassingLabels.begin(), kPassingLabels.end(), name) != kPassingLabels.end();
  });
  if (label == rule.by.end()) return;
  walk(rule.expr, [&](const Expr& node) {
    if (node.kind != Expr::Kind::kCompare) return;
    const Aggregate* low = low_count(node);
    if (low == nullptr) return;
    report.warning(node.position, fmt::format("a low '{0}' by '{1}': every {1} that goes for good fires until its group is forgotten",
                                              to_string(low->kind), *label));
  });
}

constexpr size_t kMaxDemands = 50;

// Matchers that one group has to satisfy together, with the aggregate each is of.
struct Demand {
  const Matcher* matcher;
  Position position;
};

void warn_contradiction(const std::vector<Demand>& demands, std::string_view why, Report& report) {
  if (demands.size() > kMaxDemands) return;  // each pair may cost the compilation of a pattern
  for (const Demand& fixed : demands) {
    if (fixed.matcher->op != Matcher::Op::kEqual) continue;
    for (const Demand& other : demands) {
      if (other.matcher->label != fixed.matcher->label || passes(*other.matcher, fixed.matcher->value)) continue;
      report.warning(other.position,
                     fmt::format("{} and {} contradict each other: {}", to_string(*fixed.matcher), to_string(*other.matcher), why));
      return;
    }
  }
}

// The demands of what `expr` needs to be true, as far as `and` joins it. Under `or` and `not` nothing is certain, and of a comparison only
// what all its aggregates ask for: of a sum, one part may suffice.
void collect_demands(const Expr& expr, const std::vector<std::string>& by, std::vector<Demand>& demands) {
  if (expr.kind == Expr::Kind::kOr || expr.kind == Expr::Kind::kNot) return;
  if (expr.kind == Expr::Kind::kAnd) {
    for (const Expr& child : expr.children) collect_demands(child, by, demands);
    return;
  }
  std::vector<const Expr*> aggregates;
  walk(expr, [&](const Expr& node) {
    if (node.kind == Expr::Kind::kAggregate) aggregates.push_back(&node);
  });
  if (aggregates.empty()) return;
  for (const Matcher& matcher : aggregates[0]->aggregate->matchers) {
    const bool of_group = std::find(by.begin(), by.end(), matcher.label) != by.end();
    const bool of_all = std::all_of(aggregates.begin(), aggregates.end(), [&](const Expr* node) {
      const std::vector<Matcher>& others = node->aggregate->matchers;
      return std::find(others.begin(), others.end(), matcher) != others.end();
    });
    if (of_group && of_all) demands.push_back({&matcher, aggregates[0]->position});
  }
}

// Each chain of `and` once, from its top.
void lint_and_chains(const Expr& expr, bool inside_chain, const AlertRule& rule, Report& report) {
  const bool is_and = expr.kind == Expr::Kind::kAnd;
  if (is_and && !inside_chain) {
    std::vector<Demand> demands;
    collect_demands(expr, rule.by, demands);
    warn_contradiction(demands, "no group satisfies both", report);
  }
  for (const Expr& child : expr.children) lint_and_chains(child, is_and, rule, report);
}

void lint_contradictions(const AlertRule& rule, Report& report) {
  walk(rule.expr, [&](const Expr& node) {
    if (node.kind != Expr::Kind::kAggregate) return;
    std::vector<Demand> demands;
    for (const Matcher& matcher : node.aggregate->matchers) demands.push_back({&matcher, node.position});
    warn_contradiction(demands, "no event satisfies both", report);
  });
  lint_and_chains(rule.expr, false, rule, report);
}

// What an aggregate is over a window without events: a number, or no value (a division by zero has none either).
Expr without_events(const Aggregate& aggregate) {
  Expr zero;
  Expr none;
  none.kind = Expr::Kind::kArithmetic;
  none.arithmetic_op = ArithmeticOp::kDivide;
  none.children = {zero, zero};
  switch (aggregate.kind) {
    case AggregateKind::kCount:
    case AggregateKind::kRate:
    case AggregateKind::kErrors:
    case AggregateKind::kCountIf:
    case AggregateKind::kSum:
    case AggregateKind::kDistinct: return zero;
    case AggregateKind::kAbsent: zero.number = 1; return zero;
    default: return none;
  }
}

Expr without_events(Expr expr) {
  if (expr.kind == Expr::Kind::kAggregate) return without_events(*expr.aggregate);
  for (Expr& child : expr.children) child = without_events(std::move(child));
  return expr;
}

// Whether the expression is true of windows without events; nothing if it has no value then.
std::optional<bool> truth_without_events(const Expr& expr) {
  const std::optional<Constant> constant = fold(without_events(expr));
  return constant ? truth_of(*constant) : std::nullopt;
}

bool tells_failures(const Predicate& predicate) {
  if (predicate.kind == Predicate::Kind::kSuccess) return true;
  const auto names_the_code = [](const Matcher& matcher) { return matcher.label == "error_code"; };
  return std::any_of(predicate.matchers.begin(), predicate.matchers.end(), names_the_code) ||
         std::any_of(predicate.children.begin(), predicate.children.end(), tells_failures);
}

bool is_error_rate(const Expr& expr) {
  // errors[5m] / count[5m]: written by hand.
  if (expr.kind == Expr::Kind::kArithmetic && expr.arithmetic_op == ArithmeticOp::kDivide) {
    const Expr& part = expr.children[0];
    return part.kind == Expr::Kind::kAggregate && part.aggregate->kind == AggregateKind::kErrors && !is_constant(expr.children[1]);
  }
  if (expr.kind != Expr::Kind::kAggregate) return false;
  const AggregateKind kind = expr.aggregate->kind;
  return kind == AggregateKind::kErrorRate || kind == AggregateKind::kSuccessRate ||
         (kind == AggregateKind::kShare && tells_failures(*expr.aggregate->predicate));
}

bool has_error_rate(const Expr& expr) {
  bool found = false;
  walk(expr, [&](const Expr& node) { found = found || is_error_rate(node); });
  return found;
}

}  // namespace

void lint_rule(const AlertRule& rule, Report& report) {
  lint_units(rule.expr, report);
  if (rule.resolve) lint_units(*rule.resolve, report);
  lint_quantiles(rule, report);
  lint_passing_labels(rule, report);
  lint_contradictions(rule, report);
}

bool fires_without_events(const AlertRule& rule) {
  return rule.min_events == 0 ? truth_without_events(rule.expr).value_or(rule.no_data == NoData::kAlert) : rule.no_data == NoData::kAlert;
}

bool outage_resolves(const AlertRule& rule) {
  if (!has_error_rate(rule.expr) || rule.no_data != NoData::kOk || fires_without_events(rule)) return false;
  // Without a value `resolve` counts as true under `no_data: ok` (SPEC 4.3).
  return !rule.resolve || truth_without_events(*rule.resolve).value_or(true);
}

void warn_outage_resolves(const AlertRule& rule, Report& report) {
  report.warning(rule.position, fmt::format("if all traffic stops, '{}' has no value and resolves; set no_data: keep, or put a rule on "
                                            "absent[5m] or count[5m] < 1 beside it in group '{}'",
                                            rule.name, rule.group));
}

}  // namespace tocsin::rules
