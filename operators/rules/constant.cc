#include "operators/rules/constant.h"

#include <algorithm>
#include <utility>

#include "operators/rules/big_integer.h"

namespace tocsin::rules {
namespace {

using Kind = Constant::Kind;

Constant none() { return {}; }
Constant of_truth(bool truth) { return {.kind = Kind::kTruth, .number = 0, .truth = truth}; }

Constant of_number(Rational number) {
  const Integer top = abs(numerator(number));
  const Integer bottom = denominator(number);
  const size_t bits = (top == 0 ? 0 : static_cast<size_t>(msb(top))) + static_cast<size_t>(msb(bottom));
  if (bits > kMaxConstantBits) return {.kind = Kind::kTooLarge, .number = 0, .truth = false};
  return {.kind = Kind::kNumber, .number = std::move(number), .truth = false};
}

Constant compute(ArithmeticOp op, const Rational& left, const Rational& right) {
  switch (op) {
    case ArithmeticOp::kAdd: return of_number(left + right);
    case ArithmeticOp::kSubtract: return of_number(left - right);
    case ArithmeticOp::kMultiply: return of_number(left * right);
    case ArithmeticOp::kDivide: return right == 0 ? none() : of_number(left / right);
  }
  return none();
}

// `and` is decided by a false side, `or` by a true one, whatever the other.
Constant junction(const Constant& left, const Constant& right, bool deciding) {
  const std::optional<bool> left_truth = truth_of(left);
  const std::optional<bool> right_truth = truth_of(right);
  if (left_truth == deciding || right_truth == deciding) return of_truth(deciding);
  if (!left_truth || !right_truth) return none();
  return of_truth(!deciding);
}

Constant fold_tree(const Expr& expr);

Constant fold_two(const Expr& expr) {
  const Constant left = fold_tree(expr.children[0]);
  const Constant right = fold_tree(expr.children[1]);
  if (left.kind == Kind::kTooLarge || right.kind == Kind::kTooLarge) return left.kind == Kind::kTooLarge ? left : right;
  if (expr.kind == Expr::Kind::kAnd) return junction(left, right, false);
  if (expr.kind == Expr::Kind::kOr) return junction(left, right, true);
  if (left.kind != Kind::kNumber || right.kind != Kind::kNumber) return none();
  if (expr.kind == Expr::Kind::kCompare) return of_truth(holds(expr.compare_op, left.number, right.number));
  return compute(expr.arithmetic_op, left.number, right.number);
}

Constant fold_one(const Expr& expr) {
  Constant operand = fold_tree(expr.children[0]);
  if (operand.kind == Kind::kTooLarge) return operand;
  if (expr.kind == Expr::Kind::kNegate) return operand.kind == Kind::kNumber ? of_number(-operand.number) : none();
  const std::optional<bool> truth = truth_of(operand);
  return truth ? of_truth(!*truth) : none();
}

Constant fold_tree(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber: return of_number(expr.number);
    case Expr::Kind::kAggregate: return none();  // excluded by the caller
    case Expr::Kind::kNegate:
    case Expr::Kind::kNot: return fold_one(expr);
    case Expr::Kind::kArithmetic:
    case Expr::Kind::kCompare:
    case Expr::Kind::kAnd:
    case Expr::Kind::kOr: return fold_two(expr);
  }
  return none();
}

}  // namespace

std::optional<bool> truth_of(const Constant& constant) {
  switch (constant.kind) {
    case Kind::kTruth: return constant.truth;
    case Kind::kNumber: return constant.number != 0;
    case Kind::kNone:
    case Kind::kTooLarge: return std::nullopt;
  }
  return std::nullopt;
}

bool is_constant(const Expr& expr) {
  return expr.kind != Expr::Kind::kAggregate && std::all_of(expr.children.begin(), expr.children.end(), is_constant);
}

std::optional<Constant> fold(const Expr& expr) {
  if (!is_constant(expr)) return std::nullopt;
  return fold_tree(expr);
}

std::optional<Rational> fold_constant(const Expr& expr) {
  std::optional<Constant> constant = fold(expr);
  if (!constant || constant->kind != Kind::kNumber) return std::nullopt;
  return std::move(constant->number);
}

}  // namespace tocsin::rules
