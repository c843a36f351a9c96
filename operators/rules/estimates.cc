#include "operators/rules/estimates.h"

#include <fmt/format.h>

#include "operators/rules/constant.h"
#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

// A comparison of one aggregate with a constant is counted out in integers (operators/compile.cc), on either side.
bool is_counted_out(const Expr& comparison) {
  if (comparison.kind != Expr::Kind::kCompare) return false;
  const Expr& left = comparison.children[0];
  const Expr& right = comparison.children[1];
  return (left.kind == Expr::Kind::kAggregate && is_constant(right)) || (right.kind == Expr::Kind::kAggregate && is_constant(left));
}

// The first aggregate, in the order written, whose estimate decides; null if there is none.
const Expr* first_estimate(const Expr& expr, bool counted_out) {
  if (expr.kind == Expr::Kind::kAggregate) {
    const AggregateKind kind = expr.aggregate->kind;
    return kind == AggregateKind::kDistinct || (kind == AggregateKind::kQuantile && !counted_out) ? &expr : nullptr;
  }
  for (const Expr& child : expr.children) {
    if (const Expr* found = first_estimate(child, is_counted_out(expr))) return found;
  }
  return nullptr;
}

void note(const Expr& expr, const AlertRule& rule, std::string_view key, Report& report) {
  const Expr* found = first_estimate(expr, false);
  if (found == nullptr) return;
  const bool is_distinct = found->aggregate->kind == AggregateKind::kDistinct;
  const std::string_view why =
      is_distinct ? "it is exact up to 256 values and an estimate beyond" : "it is not compared with a constant, so its t-digest decides";
  report.note(found->position, fmt::format("'{}' of {} hangs on an estimate: {}; {}", key, rule.name, to_string(*found->aggregate), why));
}

}  // namespace

void note_estimates(const AlertRule& rule, Report& report) {
  note(rule.expr, rule, "expr", report);
  if (rule.resolve) note(*rule.resolve, rule, "resolve", report);
}

}  // namespace tocsin::rules
