#include "operators/compile.h"

#include <limits>
#include <utility>

#include "operators/predicate.h"
#include "operators/rules/big_integer.h"
#include "operators/rules/constant.h"

namespace tocsin {
namespace {

using rules::AggregateKind;
using rules::CompareOp;
using rules::Expr;
using rules::Rational;
using Node = Program::Node;

CompareOp turned_round(CompareOp op) {
  switch (op) {
    case CompareOp::kLess: return CompareOp::kGreater;
    case CompareOp::kLessEqual: return CompareOp::kGreaterEqual;
    case CompareOp::kGreater: return CompareOp::kLess;
    case CompareOp::kGreaterEqual: return CompareOp::kLessEqual;
    default: return op;
  }
}

bool is_order_statistic(AggregateKind kind) {
  return kind == AggregateKind::kQuantile || kind == AggregateKind::kMin || kind == AggregateKind::kMax;
}

bool is_logical(const Expr& expr) { return expr.kind == Expr::Kind::kNot || expr.kind == Expr::Kind::kAnd || expr.kind == Expr::Kind::kOr; }

bool needs_above(CompareOp op) { return op != CompareOp::kLess && op != CompareOp::kGreaterEqual; }
bool needs_at_least(CompareOp op) { return op != CompareOp::kGreater && op != CompareOp::kLessEqual; }

std::optional<std::pair<int64_t, int64_t>> small_fraction(const Rational& constant) {
  const rules::Integer limit = std::numeric_limits<int64_t>::max();
  const rules::Integer numerator = rules::numerator(constant);
  const rules::Integer denominator = rules::denominator(constant);
  if (abs(numerator) > limit || denominator > limit) return std::nullopt;
  return std::pair(static_cast<int64_t>(numerator), static_cast<int64_t>(denominator));
}

class Compiler {
 public:
  explicit Compiler(AggregateResolver& resolver) : resolver_(resolver) {}

  int compile(const Expr& expr) {
    // `and`, `or` and `not` keep their operands: a comparison of constants among them may be the one that is shown.
    if (!is_logical(expr)) {
      if (const std::optional<rules::Constant> constant = rules::fold(expr)) return compile_constant(*constant, expr);
    }
    switch (expr.kind) {
      case Expr::Kind::kNumber: break;  // a constant
      case Expr::Kind::kAggregate: return compile_aggregate(*expr.aggregate);
      case Expr::Kind::kNegate: return compile_unary(Node::Kind::kNegate, expr);
      case Expr::Kind::kNot: return compile_unary(Node::Kind::kNot, expr);
      case Expr::Kind::kAnd: return compile_binary(Node::Kind::kAnd, expr);
      case Expr::Kind::kOr: return compile_binary(Node::Kind::kOr, expr);
      case Expr::Kind::kArithmetic: return compile_binary(Node::Kind::kArithmetic, expr);
      case Expr::Kind::kCompare: return compile_comparison(expr);
    }
    TOCSIN_CHECK(false, "an expression of a kind that cannot be compiled");
    return -1;
  }

  Program take() { return std::move(program_); }

 private:
  int push(const Node& node) {
    program_.nodes.push_back(node);
    return static_cast<int>(program_.nodes.size()) - 1;
  }

  int compile_constant(const rules::Constant& constant, const Expr& expr) {
    Node node;
    node.kind = constant.kind == rules::Constant::Kind::kTruth ? Node::Kind::kTruth : Node::Kind::kNumber;
    node.truth = constant.truth;
    node.has_number = constant.kind == rules::Constant::Kind::kNumber;
    if (node.has_number) node.number = rules::to_double(constant.number);
    // A comparison of constants is a comparison too, as far as `value` goes; its right side is shown, the left one being constant.
    if (expr.kind == Expr::Kind::kCompare) {
      node.right = compile(expr.children[1]);
      node.left = compile(expr.children[0]);
      node.left_is_constant = true;
      program_.comparisons.push_back(static_cast<int>(program_.nodes.size()));
    }
    return push(node);
  }

  int compile_aggregate(const rules::Aggregate& aggregate) {
    AggregateRef ref;
    ref.kind = aggregate.kind;
    ref.window = resolver_.window_of(aggregate);
    ref.of_latency = reads_latency(aggregate);
    if (aggregate.predicate) ref.predicate = resolver_.predicate_of(ref.window, *aggregate.predicate);
    ref.window_ms = aggregate.window.ms;
    ref.quantile = aggregate.quantile;
    ref.quantile_double = rules::to_double(aggregate.quantile);
    ref.small_quantile = small_fraction(aggregate.quantile);
    program_.aggregates.push_back(std::move(ref));
    Node node;
    node.kind = Node::Kind::kAggregate;
    node.aggregate = static_cast<int>(program_.aggregates.size()) - 1;
    return push(node);
  }

  int compile_unary(Node::Kind kind, const Expr& expr) {
    Node node;
    node.kind = kind;
    node.left = compile(expr.children[0]);
    return push(node);
  }

  int compile_binary(Node::Kind kind, const Expr& expr) {
    Node node;
    node.kind = kind;
    node.arithmetic_op = expr.arithmetic_op;
    node.left = compile(expr.children[0]);
    node.right = compile(expr.children[1]);
    return push(node);
  }

  int compile_comparison(const Expr& expr) {
    Node node;
    node.kind = Node::Kind::kCompareDouble;
    node.compare_op = expr.compare_op;
    node.left_is_constant = rules::is_constant(expr.children[0]);
    // Its place among the comparisons is where it is written; operands of comparisons hold no others.
    const size_t place = program_.comparisons.size();
    program_.comparisons.push_back(-1);
    node.left = compile(expr.children[0]);
    node.right = compile(expr.children[1]);
    if (const std::optional<ConstantComparison> exact = constant_comparison(expr)) {
      node.kind = Node::Kind::kCompareExact;
      node.aggregate = program_.nodes[static_cast<size_t>(node.left_is_constant ? node.right : node.left)].aggregate;
      node.exact = compile_exact(*exact, program_.aggregates[static_cast<size_t>(node.aggregate)].window);
    }
    const int index = push(node);
    program_.comparisons[place] = index;
    return index;
  }

  int compile_exact(const ConstantComparison& from, int window) {
    ExactComparison comparison;
    comparison.op = from.op;
    comparison.constant = from.constant;
    comparison.small = small_fraction(from.constant);
    if (is_order_statistic(from.aggregate->kind)) {
      const auto bound = [&](int64_t us) { return ExactComparison::Bound{resolver_.threshold_of(window, us), us}; };
      if (needs_above(from.op)) comparison.above = bound(threshold_above(from.constant));
      if (needs_at_least(from.op)) comparison.at_least = bound(threshold_at_least(from.constant));
    }
    program_.exact_comparisons.push_back(std::move(comparison));
    return static_cast<int>(program_.exact_comparisons.size()) - 1;
  }

  AggregateResolver& resolver_;
  Program program_;
};

}  // namespace

std::optional<ConstantComparison> constant_comparison(const Expr& expr) {
  if (expr.kind != Expr::Kind::kCompare) return std::nullopt;
  const Expr& left = expr.children[0];
  const Expr& right = expr.children[1];
  const auto is_aggregate = [](const Expr& side) {
    return side.kind == Expr::Kind::kAggregate && side.aggregate->kind != AggregateKind::kDistinct;
  };
  if (is_aggregate(left)) {
    const std::optional<Rational> constant = rules::fold_constant(right);
    if (constant) return ConstantComparison{left.aggregate.get(), expr.compare_op, *constant};
  }
  if (is_aggregate(right)) {
    const std::optional<Rational> constant = rules::fold_constant(left);
    if (constant) return ConstantComparison{right.aggregate.get(), turned_round(expr.compare_op), *constant};
  }
  return std::nullopt;
}

std::vector<int64_t> thresholds_of(const ConstantComparison& comparison) {
  std::vector<int64_t> thresholds;
  if (!is_order_statistic(comparison.aggregate->kind)) return thresholds;
  if (needs_above(comparison.op)) thresholds.push_back(threshold_above(comparison.constant));
  if (needs_at_least(comparison.op)) thresholds.push_back(threshold_at_least(comparison.constant));
  return thresholds;
}

bool reads_latency(const rules::Aggregate& aggregate) {
  return is_order_statistic(aggregate.kind) || aggregate.kind == AggregateKind::kAvg || aggregate.kind == AggregateKind::kSum;
}

Program compile_program(const Expr& expr, AggregateResolver& resolver) {
  Compiler compiler(resolver);
  compiler.compile(expr);
  return compiler.take();
}

}  // namespace tocsin
