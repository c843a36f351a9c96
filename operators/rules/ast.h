#pragma once

// The expression language of rules (SPEC 3.1) as a tree. Immutable after parsing.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "operators/rules/rational.h"

namespace tocsin::rules {

// Where something stands in a file, both from 1; 0 = unknown.
struct Position {
  int line = 0;
  int column = 0;
};

enum class CompareOp { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };
enum class ArithmeticOp { kAdd, kSubtract, kMultiply, kDivide };

// label = "x", != , =~ (RE2, anchored), !~. An absent label equals "".
struct Matcher {
  enum class Op { kEqual, kNotEqual, kMatches, kNotMatches };
  std::string label;
  Op op = Op::kEqual;
  std::string value;
  friend auto operator<=>(const Matcher&, const Matcher&) = default;
};

// An event predicate: the argument of count(...) and share(...), and `good` of an SLO. Two-valued.
struct Predicate {
  enum class Kind { kSuccess, kLatency, kValue, kMatchers, kAnd, kOr, kNot };
  Kind kind = Kind::kSuccess;
  CompareOp op = CompareOp::kLess;  // kLatency (milliseconds), kValue: left side is the event's; "300ms < latency" is turned round
  Rational constant;
  bool has_unit = false;            // the constant was written with a duration unit
  std::vector<Matcher> matchers;    // kMatchers: all must hold
  std::vector<Predicate> children;  // kAnd, kOr: two; kNot: one
};

enum class AggregateKind {
  kCount,
  kRate,
  kErrors,
  kErrorRate,
  kSuccessRate,
  kCountIf,  // count(pred)
  kShare,    // share(pred)
  kQuantile,
  kAvg,
  kMin,
  kMax,
  kSum,
  kLast,
  kDistinct,
  kAbsent,
  kBurnRate,
  kBudgetRemaining,
};

struct Aggregate {
  AggregateKind kind = AggregateKind::kCount;
  Rational quantile;                   // kQuantile: 0 <= q <= 1, exact
  std::optional<std::string> metric;   // over the values of this metric, not over requests
  std::optional<Predicate> predicate;  // kCountIf, kShare
  std::string argument;                // kDistinct: the label; kBurnRate, kBudgetRemaining: the SLO's name
  std::vector<Matcher> matchers;       // in the order written
  Duration window;
  Duration offset;
  Position position;
};

struct Expr {
  enum class Kind { kNumber, kAggregate, kNegate, kArithmetic, kCompare, kNot, kAnd, kOr };
  Kind kind = Kind::kNumber;
  Rational number;                             // kNumber; of durations: milliseconds
  bool has_unit = false;                       // kNumber was written with a duration unit
  std::shared_ptr<const Aggregate> aggregate;  // kAggregate
  CompareOp compare_op = CompareOp::kLess;
  ArithmeticOp arithmetic_op = ArithmeticOp::kAdd;
  std::vector<Expr> children;  // kNegate, kNot: one; kArithmetic, kCompare, kAnd, kOr: two
  Position position;

  // Whether the expression yields a truth value (comparison, not, and, or) rather than a number.
  bool is_truth() const { return kind == Kind::kCompare || kind == Kind::kNot || kind == Kind::kAnd || kind == Kind::kOr; }
};

}  // namespace tocsin::rules
