#pragma once

// Constants: expressions without an aggregate, folded in exact fractions (SPEC 3.1).

#include <optional>

#include "operators/rules/ast.h"

namespace tocsin::rules {

// What a constant expression comes to.
struct Constant {
  enum class Kind {
    kNone,  // no value: a division by zero, or what was computed from one
    kNumber,
    kTruth,
    kTooLarge,  // numerator and denominator together beyond kMaxConstantBits; the loader refuses it
  };
  Kind kind = Kind::kNone;
  Rational number;     // kNumber
  bool truth = false;  // kTruth
};

// Folding is exact, so its cost grows with the digits; no threshold needs a thousand of them.
inline constexpr unsigned kMaxConstantBits = 1U << 15;

// Whether `left op right`: exact, if the comparisons of `T` are.
template <typename T>
bool holds(CompareOp op, const T& left, const T& right) {
  switch (op) {
    case CompareOp::kLess: return left < right;
    case CompareOp::kLessEqual: return left <= right;
    case CompareOp::kGreater: return left > right;
    case CompareOp::kGreaterEqual: return left >= right;
    case CompareOp::kEqual: return left == right;
    case CompareOp::kNotEqual: return left != right;
  }
  return false;
}

// What a constant is as a truth value: a number is true if it is not 0. Nothing if it has no value.
std::optional<bool> truth_of(const Constant& constant);

// Whether `expr` holds no aggregate.
bool is_constant(const Expr& expr);

// The value of a constant expression, three-valued as in evaluation; nothing if `expr` holds an aggregate.
std::optional<Constant> fold(const Expr& expr);

// The number that `expr` comes to: nothing if it holds an aggregate, is a truth value, or has no value (division by zero). Those cases
// are told apart by is_constant(), Expr::is_truth() and fold().
std::optional<Rational> fold_constant(const Expr& expr);

}  // namespace tocsin::rules
