#include "operators/rules/expression_check.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "operators/rules/constant.h"
#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

bool is_pattern(const Matcher& matcher) { return matcher.op == Matcher::Op::kMatches || matcher.op == Matcher::Op::kNotMatches; }

std::string anchored(const std::string& pattern) { return "^(?:" + pattern + ")$"; }

void check_window(const Aggregate& aggregate, const LoadOptions& options, Report& report) {
  if (aggregate.kind == AggregateKind::kBudgetRemaining) return;  // it is its SLO's
  const std::string window = format_duration(aggregate.window);
  if (aggregate.window < options.resolution) {
    report.error(aggregate.position,
                 fmt::format("the window [{}] is shorter than the resolution of {}", window, format_duration(options.resolution)));
  } else if (aggregate.window > options.max_window) {
    report.error(aggregate.position,
                 fmt::format("the window [{}] is longer than state.max_window, {}", window, format_duration(options.max_window)));
  }
}

void check_offset(const Aggregate& aggregate, const LoadOptions& options, Report& report) {
  if (aggregate.offset.ms % options.resolution.ms != 0) {
    report.error(aggregate.position, fmt::format("offset {} is no multiple of the resolution of {}", format_duration(aggregate.offset),
                                                 format_duration(options.resolution)));
  } else if (aggregate.offset > options.max_window) {
    report.error(aggregate.position, fmt::format("offset {} is longer than state.max_window, {}", format_duration(aggregate.offset),
                                                 format_duration(options.max_window)));
  }
}

bool is_ratio(const Expr& expr) {
  if (expr.kind != Expr::Kind::kAggregate) return false;
  const AggregateKind kind = expr.aggregate->kind;
  return kind == AggregateKind::kErrorRate || kind == AggregateKind::kSuccessRate || kind == AggregateKind::kShare;
}

// A ratio lies from 0 to 1. An ordering with a constant is the same for all of them if it is so at both ends; an equality only if the
// constant lies outside.
void check_ratio(const Expr& comparison, Role role, Report& report) {
  const bool ratio_left = is_ratio(comparison.children[0]);
  const Expr& ratio = comparison.children[ratio_left ? 0 : 1];
  const std::optional<Rational> constant = fold_constant(comparison.children[ratio_left ? 1 : 0]);
  if (!is_ratio(ratio) || !constant) return;
  const auto truth_at = [&](int value) {
    return ratio_left ? holds(comparison.compare_op, Rational(value), *constant) : holds(comparison.compare_op, *constant, Rational(value));
  };
  const bool equality = comparison.compare_op == CompareOp::kEqual || comparison.compare_op == CompareOp::kNotEqual;
  const bool outside = *constant < 0 || *constant > 1;
  if (truth_at(0) != truth_at(1) || (equality && !outside)) return;
  const std::string_view name = to_string(ratio.aggregate->kind);
  const std::string_view hint = *constant > 1 && *constant <= 100 ? "; 5 percent is 5% or 0.05" : "";
  const std::string text =
      fmt::format("'{}' lies from 0 to 1, so this comparison is always {}{}", name, truth_at(0) ? "true" : "false", hint);
  role == Role::kExpr ? report.error(comparison.position, text) : report.warning(comparison.position, text);
}

void require_number(const Expr& operand, std::string_view where, Report& report) {
  if (operand.is_truth()) report.error(operand.position, fmt::format("{} needs a number, and this is a truth value", where));
}

void check_node(const Expr& expr, Role role, const LoadOptions& options, Report& report) {
  switch (expr.kind) {
    case Expr::Kind::kAggregate:
      check_window(*expr.aggregate, options, report);
      check_offset(*expr.aggregate, options, report);
      check_matchers(expr.aggregate->matchers, expr.aggregate->position, report);
      if (expr.aggregate->predicate) check_predicate(*expr.aggregate->predicate, expr.aggregate->position, report);
      break;
    case Expr::Kind::kNegate: require_number(expr.children[0], "'-'", report); break;
    case Expr::Kind::kArithmetic:
      for (const Expr& child : expr.children) require_number(child, fmt::format("'{}'", to_string(expr.arithmetic_op)), report);
      break;
    case Expr::Kind::kCompare:
      for (const Expr& child : expr.children) require_number(child, fmt::format("'{}'", to_string(expr.compare_op)), report);
      check_ratio(expr, role, report);
      break;
    case Expr::Kind::kNumber:
    case Expr::Kind::kNot:
    case Expr::Kind::kAnd:
    case Expr::Kind::kOr: break;  // a number is a truth value where one is needed
  }
}

void check_tree(const Expr& expr, Role role, const LoadOptions& options, Report& report) {
  check_node(expr, role, options, report);
  for (const Expr& child : expr.children) check_tree(child, role, options, report);
}

// Folding passes the limit upwards, so one look at each largest constant is enough.
void check_constants(const Expr& expr, Report& report) {
  if (const std::optional<Constant> constant = fold(expr)) {
    if (constant->kind == Constant::Kind::kTooLarge) {
      report.error(expr.position, "this constant has too many digits to be computed exactly");
    }
    return;
  }
  for (const Expr& child : expr.children) check_constants(child, report);
}

}  // namespace

std::string pattern_error(const std::string& pattern) {
  // By itself first: in its parentheses, "a)|(b" would be sound.
  for (const std::string& text : {pattern, anchored(pattern)}) {
    const re2::RE2 compiled(text, re2::RE2::Quiet);
    if (!compiled.ok()) return compiled.error();
  }
  return "";
}

bool passes(const Matcher& matcher, const std::string& text) {
  switch (matcher.op) {
    case Matcher::Op::kEqual: return text == matcher.value;
    case Matcher::Op::kNotEqual: return text != matcher.value;
    case Matcher::Op::kMatches: return re2::RE2::FullMatch(text, re2::RE2(matcher.value, re2::RE2::Quiet));
    case Matcher::Op::kNotMatches: return !re2::RE2::FullMatch(text, re2::RE2(matcher.value, re2::RE2::Quiet));
  }
  return true;
}

std::string label_name_error(std::string_view label) {
  constexpr std::array<std::string_view, 6> kOtherFields = {"timestamp_ms", "success", "latency_ms", "labels", "weight", "value"};
  if (std::find(kOtherFields.begin(), kOtherFields.end(), label) == kOtherFields.end()) return "";
  std::string text = fmt::format("'{}' is a field that is no text, so it can be neither matched nor grouped by", label);
  if (label == "success") text += "; ask for it in a predicate, as in share(not success)[5m]";
  if (label == "latency_ms") text += "; ask for it in a predicate, as in share(latency > 300ms)[5m]";
  return text;
}

void check_matchers(const std::vector<Matcher>& matchers, Position position, Report& report) {
  for (const Matcher& matcher : matchers) {
    if (std::string error = label_name_error(matcher.label); !error.empty()) report.error(position, std::move(error));
    if (!is_pattern(matcher)) continue;
    const std::string error = pattern_error(matcher.value);
    if (!error.empty()) report.error(position, fmt::format("{}: no regular expression (RE2): {}", to_string(matcher), error));
  }
}

void check_predicate(const Predicate& predicate, Position position, Report& report) {
  check_matchers(predicate.matchers, position, report);
  for (const Predicate& child : predicate.children) check_predicate(child, position, report);
}

void check_expression(const Expr& expr, Role role, const LoadOptions& options, Report& report) {
  check_constants(expr, report);
  check_tree(expr, role, options, report);
}

}  // namespace tocsin::rules
