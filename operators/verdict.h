#pragma once

// Rule expressions, compiled, and their three-valued evaluation over window totals (SPEC 3.1).
//
// A comparison of one aggregate with a constant is decided with integers; every other one in doubles, in the order written.
//
// Thread:  Program is immutable; evaluation is worker-confined.
// Failure: none: what has no value is a value here (Value::kind kNone).

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "operators/rules/ast.h"
#include "operators/sketch/window_sketch.h"
#include "operators/total.h"

namespace tocsin {

// A number, a truth value, or no value.
struct Value {
  enum class Kind { kNone, kNumber, kTruth };
  Kind kind = Kind::kNone;
  double number = 0;
  bool truth = false;

  static Value none() { return {}; }
  static Value of(double number) { return {Kind::kNumber, number, false}; }
  static Value of_truth(bool truth) { return {Kind::kTruth, 0, truth}; }
  bool has_value() const { return kind != Kind::kNone; }
  // A number is true if it is not 0.
  bool is_true() const { return kind == Kind::kTruth ? truth : kind == Kind::kNumber && number != 0; }
};

// An aggregate as a program uses it.
struct AggregateRef {
  rules::AggregateKind kind = rules::AggregateKind::kCount;
  int window = 0;                                             // index into Plan::windows
  bool of_latency = false;                                    // n counts events that have a latency
  int predicate = -1;                                         // index into View::predicates, for kCountIf and kShare
  int64_t window_ms = 0;                                      // W as written
  rules::Rational quantile;                                   // of kQuantile; 0 for kMin and 1 for kMax, which are decided like quantiles
  std::optional<std::pair<int64_t, int64_t>> small_quantile;  // numerator and denominator, if they fit
  double quantile_double = 0;

  bool is_order_statistic() const;  // kQuantile, kMin, kMax
};

// An integer comparison of an aggregate with a constant.
struct ExactComparison {
  rules::CompareOp op = rules::CompareOp::kGreater;  // aggregate op constant
  rules::Rational constant;
  std::optional<std::pair<int64_t, int64_t>> small;  // numerator and denominator of the constant, if they fit
  // Latency thresholds of "> constant" and ">= constant" for kQuantile, kMin and kMax; `op` decides which of them are there.
  struct Bound {
    int threshold = -1;  // index into View::thresholds; -1: every latency is above (the constant is negative)
    int64_t us = 0;
  };
  std::optional<Bound> above;
  std::optional<Bound> at_least;
};

// What a program may ask of one group at one tick.
class GroupWindows {
 public:
  virtual ~GroupWindows() = default;
  // The running total of that window (an all-zero one if the group has none).
  virtual const Total& total(int window) = 0;
  // Sketch, min and max over that window, merged on demand from its panes.
  virtual const WindowSketch& sketch(int window) = 0;
};

class Program {
 public:
  struct Node {
    enum class Kind { kNumber, kTruth, kAggregate, kNegate, kArithmetic, kCompareExact, kCompareDouble, kNot, kAnd, kOr };
    Kind kind = Kind::kNumber;
    double number = 0;
    bool has_number = true;  // kNumber: false for a constant without a value (division by zero)
    bool truth = false;
    int aggregate = -1;
    int left = -1;
    int right = -1;
    rules::CompareOp compare_op = rules::CompareOp::kLess;
    rules::ArithmeticOp arithmetic_op = rules::ArithmeticOp::kAdd;
    int exact = -1;
    bool left_is_constant = false;
  };

  std::vector<Node> nodes;  // children before parents; the last is the root
  std::vector<AggregateRef> aggregates;
  std::vector<ExactComparison> exact_comparisons;
  std::vector<int> comparisons;  // node indices in the order written

  // `min_events` > 0: no value while the aggregate with the longest window (of several the one with the least n) has n below it.
  Value evaluate(GroupWindows& windows, int64_t min_events) const;

  // What an alert event shows as `value` (SPEC 5), and the aggregate that its evidence counts (-1: none).
  struct Shown {
    std::optional<double> value;
    int aggregate = -1;
  };
  Shown show(GroupWindows& windows, int64_t min_events) const;

 private:
  Value evaluate_node(int node, GroupWindows& windows) const;
  bool below_min_events(GroupWindows& windows, int64_t min_events) const;
  std::optional<double> shown_side(int comparison, GroupWindows& windows) const;
  int first_aggregate(int node) const;
};

// n of the aggregate: sum of weights of the events that count into it.
uint64_t aggregate_n(const AggregateRef& aggregate, const Total& total);

}  // namespace tocsin
