#include "operators/verdict.h"

#include <algorithm>
#include <limits>

#include "operators/rules/big_integer.h"
#include "operators/rules/constant.h"

namespace tocsin {
namespace {

using rules::AggregateKind;
using rules::ArithmeticOp;
using rules::CompareOp;
using rules::Integer;
using rules::Rational;
using Kind = Program::Node::Kind;

// The exact value of an aggregate other than an order statistic; latencies in milliseconds.
struct Fraction {
  Uint128 numerator = 0;
  Uint128 denominator = 1;
};

std::optional<Fraction> exact_value(const AggregateRef& aggregate, const Total& total) {
  const auto ratio = [](Uint128 part, uint64_t n) -> std::optional<Fraction> {
    if (n == 0) return std::nullopt;
    return Fraction{part, n};
  };
  const auto predicate = [&] { return total.predicates.empty() ? 0 : total.predicates[static_cast<size_t>(aggregate.predicate)]; };
  switch (aggregate.kind) {
    case AggregateKind::kCount: return Fraction{total.count, 1};
    case AggregateKind::kRate: return Fraction{Uint128{total.count} * 1000, static_cast<Uint128>(aggregate.window_ms)};
    case AggregateKind::kErrors: return Fraction{total.errors, 1};
    case AggregateKind::kErrorRate: return ratio(total.errors, total.count);
    case AggregateKind::kSuccessRate: return ratio(total.count - total.errors, total.count);
    case AggregateKind::kCountIf: return Fraction{predicate(), 1};
    case AggregateKind::kShare: return ratio(predicate(), total.count);
    case AggregateKind::kAvg:
      if (total.latency_count == 0) return std::nullopt;
      return Fraction{total.latency_sum_us, Uint128{total.latency_count} * 1000};
    case AggregateKind::kAbsent: return Fraction{total.count == 0 ? 1U : 0U, 1};
    case AggregateKind::kSum: return Fraction{total.latency_sum_us, 1000};
    default: TOCSIN_CHECK(false, "an aggregate that this version does not evaluate reached the evaluator");
  }
  return std::nullopt;
}

Integer to_integer(Uint128 value) { return (Integer(static_cast<uint64_t>(value >> 64)) << 64) + Integer(static_cast<uint64_t>(value)); }

Rational to_rational(const Fraction& fraction) { return rules::fraction(to_integer(fraction.numerator), to_integer(fraction.denominator)); }

double to_nearest_double(const Fraction& fraction) {
  constexpr Uint128 kExact = Uint128{1} << 53;
  if (fraction.numerator <= kExact && fraction.denominator <= kExact) {
    return static_cast<double>(static_cast<uint64_t>(fraction.numerator)) /
           static_cast<double>(static_cast<uint64_t>(fraction.denominator));
  }
  return rules::to_double(to_rational(fraction));
}

bool compare_fraction(const ExactComparison& comparison, const Fraction& fraction) {
  constexpr Uint128 kSmall = Uint128{1} << 63;
  if (comparison.small && fraction.numerator < kSmall && fraction.denominator < kSmall) {
    const auto left = static_cast<Int128>(fraction.numerator) * comparison.small->second;
    const auto right = static_cast<Int128>(fraction.denominator) * comparison.small->first;
    return rules::holds(comparison.op, left, right);
  }
  return rules::holds(comparison.op, to_rational(fraction), comparison.constant);
}

// The rank k = max(1, ceil(q n)) of nearest rank.
Uint128 rank_of(const AggregateRef& aggregate, uint64_t n) {
  if (aggregate.kind == AggregateKind::kMin) return 1;
  if (aggregate.kind == AggregateKind::kMax) return n;
  if (aggregate.small_quantile) {
    const auto [numerator, denominator] = *aggregate.small_quantile;
    const auto divisor = static_cast<Uint128>(denominator);
    return std::max((static_cast<Uint128>(numerator) * n + divisor - 1) / divisor, Uint128{1});
  }
  const Rational exact = aggregate.quantile * n;
  const Integer rank = -rules::floor(-exact);
  return std::max(Uint128{static_cast<uint64_t>(rank)}, Uint128{1});
}

// Whether the k-th smallest latency is above a bound: fewer than k latencies lie at or below it.
bool is_above(const AggregateRef& aggregate, const Total& total, const ExactComparison::Bound& bound) {
  const uint64_t n = total.latency_count;
  const uint64_t greater = bound.threshold < 0 ? n : total.count_above(bound.threshold);
  return n - greater < rank_of(aggregate, n);
}

Value compare_order_statistic(const AggregateRef& aggregate, const Total& total, const ExactComparison& comparison) {
  if (total.latency_count == 0) return Value::none();
  const auto above = [&] { return is_above(aggregate, total, *comparison.above); };
  const auto at_least = [&] { return is_above(aggregate, total, *comparison.at_least); };
  switch (comparison.op) {
    case CompareOp::kLess: return Value::of_truth(!at_least());
    case CompareOp::kLessEqual: return Value::of_truth(!above());
    case CompareOp::kGreater: return Value::of_truth(above());
    case CompareOp::kGreaterEqual: return Value::of_truth(at_least());
    case CompareOp::kEqual: return Value::of_truth(at_least() && !above());
    case CompareOp::kNotEqual: return Value::of_truth(!at_least() || above());
  }
  return Value::none();
}

// The double of an aggregate: exact but for quantiles, which are the sketch's.
Value aggregate_value(const AggregateRef& aggregate, GroupWindows& windows) {
  const Total& total = windows.total(aggregate.window);
  if (!aggregate.is_order_statistic()) {
    const std::optional<Fraction> exact = exact_value(aggregate, total);
    return exact ? Value::of(to_nearest_double(*exact)) : Value::none();
  }
  if (total.latency_count == 0) return Value::none();
  const WindowSketch& sketch = windows.sketch(aggregate.window);
  if (aggregate.kind == AggregateKind::kMin) return Value::of(static_cast<double>(sketch.latency_min_us) / 1000);
  if (aggregate.kind == AggregateKind::kMax) return Value::of(static_cast<double>(sketch.latency_max_us) / 1000);
  return Value::of(sketch.quantile(aggregate.quantile_double) / 1000);
}

// The sketch's quantile, moved to the side of the constant that the verdict proves.
double clamped(const AggregateRef& aggregate, const Total& total, const ExactComparison& comparison, double milliseconds) {
  for (const auto& bound : {comparison.above, comparison.at_least}) {
    if (!bound) continue;
    if (is_above(aggregate, total, *bound)) {
      milliseconds = std::max(milliseconds, static_cast<double>(bound->us + 1) / 1000);
    } else {
      milliseconds = std::min(milliseconds, static_cast<double>(bound->us) / 1000);
    }
  }
  return milliseconds;
}

Value three_valued(bool is_and, const Value& left, const Value& right) {
  const auto decides = [is_and](const Value& v) { return v.has_value() && v.is_true() != is_and; };
  if (decides(left) || decides(right)) return Value::of_truth(!is_and);
  if (!left.has_value() || !right.has_value()) return Value::none();
  return Value::of_truth(is_and);
}

Value arithmetic(ArithmeticOp op, double left, double right) {
  switch (op) {
    case ArithmeticOp::kAdd: return Value::of(left + right);
    case ArithmeticOp::kSubtract: return Value::of(left - right);
    case ArithmeticOp::kMultiply: return Value::of(left * right);
    case ArithmeticOp::kDivide: return right == 0 ? Value::none() : Value::of(left / right);
  }
  return Value::none();
}

}  // namespace

bool AggregateRef::is_order_statistic() const {
  return kind == AggregateKind::kQuantile || kind == AggregateKind::kMin || kind == AggregateKind::kMax;
}

uint64_t aggregate_n(const AggregateRef& aggregate, const Total& total) { return aggregate.of_latency ? total.latency_count : total.count; }

Value Program::evaluate_node(int index, GroupWindows& windows) const {
  const Node& node = nodes[static_cast<size_t>(index)];
  switch (node.kind) {
    case Kind::kNumber: return node.has_number ? Value::of(node.number) : Value::none();
    case Kind::kTruth: return Value::of_truth(node.truth);
    case Kind::kAggregate: return aggregate_value(aggregates[static_cast<size_t>(node.aggregate)], windows);
    case Kind::kNegate: {
      const Value value = evaluate_node(node.left, windows);
      return value.has_value() ? Value::of(-value.number) : value;
    }
    case Kind::kArithmetic: {
      const Value left = evaluate_node(node.left, windows);
      const Value right = evaluate_node(node.right, windows);
      return left.has_value() && right.has_value() ? arithmetic(node.arithmetic_op, left.number, right.number) : Value::none();
    }
    case Kind::kCompareExact: {
      const ExactComparison& comparison = exact_comparisons[static_cast<size_t>(node.exact)];
      const AggregateRef& aggregate = aggregates[static_cast<size_t>(node.aggregate)];
      const Total& total = windows.total(aggregate.window);
      if (aggregate.is_order_statistic()) return compare_order_statistic(aggregate, total, comparison);
      const std::optional<Fraction> exact = exact_value(aggregate, total);
      return exact ? Value::of_truth(compare_fraction(comparison, *exact)) : Value::none();
    }
    case Kind::kCompareDouble: {
      const Value left = evaluate_node(node.left, windows);
      const Value right = evaluate_node(node.right, windows);
      if (!left.has_value() || !right.has_value()) return Value::none();
      return Value::of_truth(rules::holds(node.compare_op, left.number, right.number));
    }
    case Kind::kNot: {
      const Value value = evaluate_node(node.left, windows);
      return value.has_value() ? Value::of_truth(!value.is_true()) : value;
    }
    case Kind::kAnd:
    case Kind::kOr: return three_valued(node.kind == Kind::kAnd, evaluate_node(node.left, windows), evaluate_node(node.right, windows));
  }
  return Value::none();
}

bool Program::below_min_events(GroupWindows& windows, int64_t min_events) const {
  int64_t longest_ms = -1;
  uint64_t least_n = std::numeric_limits<uint64_t>::max();
  for (const AggregateRef& aggregate : aggregates) {
    if (aggregate.window_ms < longest_ms) continue;
    if (aggregate.window_ms > longest_ms) least_n = std::numeric_limits<uint64_t>::max();
    longest_ms = aggregate.window_ms;
    least_n = std::min(least_n, aggregate_n(aggregate, windows.total(aggregate.window)));
  }
  return longest_ms >= 0 && least_n < static_cast<uint64_t>(min_events);
}

Value Program::evaluate(GroupWindows& windows, int64_t min_events) const {
  if (min_events > 0 && below_min_events(windows, min_events)) return Value::none();
  return evaluate_node(static_cast<int>(nodes.size()) - 1, windows);
}

int Program::first_aggregate(int index) const {
  if (index < 0) return -1;
  const Node& node = nodes[static_cast<size_t>(index)];
  if (node.kind == Kind::kAggregate) return node.aggregate;
  const int left = first_aggregate(node.left);
  return left >= 0 ? left : first_aggregate(node.right);
}

std::optional<double> Program::shown_side(int comparison, GroupWindows& windows) const {
  const Node& node = nodes[static_cast<size_t>(comparison)];
  const int side = node.left_is_constant ? node.right : node.left;
  const Value value = evaluate_node(side, windows);
  if (!value.has_value()) return std::nullopt;
  if (node.kind != Kind::kCompareExact) return value.number;
  const AggregateRef& aggregate = aggregates[static_cast<size_t>(node.aggregate)];
  if (aggregate.kind != AggregateKind::kQuantile) return value.number;
  return clamped(aggregate, windows.total(aggregate.window), exact_comparisons[static_cast<size_t>(node.exact)], value.number);
}

Program::Shown Program::show(GroupWindows& windows, int64_t min_events) const {
  const int root = static_cast<int>(nodes.size()) - 1;
  Shown shown;
  int chosen = comparisons.empty() ? -1 : comparisons.front();
  for (const int comparison : comparisons) {
    if (evaluate_node(comparison, windows).is_true()) {
      chosen = comparison;
      break;
    }
  }
  if (chosen >= 0) {
    const Node& node = nodes[static_cast<size_t>(chosen)];
    shown.aggregate = first_aggregate(node.left_is_constant ? node.right : node.left);
  }
  if (shown.aggregate < 0) shown.aggregate = first_aggregate(root);
  const Value value = evaluate(windows, min_events);
  if (!value.has_value()) return shown;
  if (chosen >= 0) {
    shown.value = shown_side(chosen, windows);
  } else {
    shown.value = value.kind == Value::Kind::kTruth ? (value.truth ? 1.0 : 0.0) : value.number;
  }
  return shown;
}

}  // namespace tocsin
