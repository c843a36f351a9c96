#pragma once

// Compiles a rule expression into a Program: constants are folded, and a comparison of one aggregate with a constant is turned into one of
// integers.
//
// Thread:  pure functions.
// Failure: none; the loader has rejected what cannot be compiled.

#include <optional>
#include <vector>

#include "operators/rules/ast.h"
#include "operators/verdict.h"

namespace tocsin {

// Finds, for the rule being compiled, what an aggregate reads.
class AggregateResolver {
 public:
  virtual ~AggregateResolver() = default;
  // Index into Plan::windows.
  virtual int window_of(const rules::Aggregate& aggregate) = 0;
  // Index of the latency threshold `us` in the window's view; -1 for a negative one, which every latency exceeds.
  virtual int threshold_of(int window, int64_t us) = 0;
  // Index of the predicate in the window's view.
  virtual int predicate_of(int window, const rules::Predicate& predicate) = 0;
};

// `expr` as a comparison of one aggregate with a constant, the aggregate on the left.
struct ConstantComparison {
  const rules::Aggregate* aggregate;
  rules::CompareOp op;
  rules::Rational constant;
};
std::optional<ConstantComparison> constant_comparison(const rules::Expr& expr);

// The thresholds (microseconds; may be negative) that decide such a comparison; empty if it is not of an order statistic.
std::vector<int64_t> thresholds_of(const ConstantComparison& comparison);

// Whether its n counts events that have a latency.
bool reads_latency(const rules::Aggregate& aggregate);

Program compile_program(const rules::Expr& expr, AggregateResolver& resolver);

}  // namespace tocsin
