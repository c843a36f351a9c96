// Event predicates as a series sees them: intervals of latency, and events that have none.

#include "operators/predicate.h"

#include <gtest/gtest.h>

#include "operators/event/event.h"
#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

rules::Rational decimal(int64_t numerator, int64_t denominator = 1) { return {numerator, denominator}; }

// The predicate of `count(text)[10s]`, for a series with that success whose matchers all hold or all fail.
LatencyCondition condition(const std::string& text, bool success = true, bool matches = false) {
  const std::shared_ptr<const Plan> plan = plan_of_exprs({"count(" + text + ")[10s] > 1"});
  return plan->views[0].predicates[0].resolve(success, [matches](const rules::Matcher&) { return matches; });
}

TEST(Threshold, AWholeNumberOfMicrosecondsIsItself) {
  EXPECT_EQ(threshold_above(decimal(500)), 500'000);
  EXPECT_EQ(threshold_at_least(decimal(500)), 499'999);
}

TEST(Threshold, BetweenTwoMicrosecondsAboveAndAtLeastAgree) {
  EXPECT_EQ(threshold_above(decimal(3, 2000)), 1);  // 1.5 us
  EXPECT_EQ(threshold_at_least(decimal(3, 2000)), 1);
  EXPECT_EQ(threshold_above(decimal(1, 3)), 333);
  EXPECT_EQ(threshold_at_least(decimal(1, 3)), 333);
}

TEST(Threshold, AtLeastZeroAndAboveANegativeNumberHoldForEveryLatency) {
  EXPECT_EQ(threshold_above(decimal(0)), 0);
  EXPECT_EQ(threshold_at_least(decimal(0)), -1);
  EXPECT_LT(threshold_above(decimal(-1)), 0);
  EXPECT_LT(threshold_at_least(decimal(-1000)), 0);
}

TEST(EventPredicate, ComparisonsHoldExactlyAtTheirBounds) {
  const auto holds = [](const std::string& text, uint64_t us) { return condition(text).holds(us); };
  EXPECT_FALSE(holds("latency > 300ms", 300'000));
  EXPECT_TRUE(holds("latency > 300ms", 300'001));
  EXPECT_TRUE(holds("latency >= 300ms", 300'000));
  EXPECT_FALSE(holds("latency >= 300ms", 299'999));
  EXPECT_FALSE(holds("latency < 300ms", 300'000));
  EXPECT_TRUE(holds("latency < 300ms", 299'999));
  EXPECT_TRUE(holds("latency <= 300ms", 300'000));
  EXPECT_FALSE(holds("latency <= 300ms", 300'001));
  EXPECT_TRUE(holds("latency == 300ms", 300'000));
  EXPECT_FALSE(holds("latency == 300ms", 299'999));
  EXPECT_FALSE(holds("latency == 300ms", 300'001));
  EXPECT_FALSE(holds("latency != 300ms", 300'000));
  EXPECT_TRUE(holds("latency != 300ms", 300'001));
  EXPECT_TRUE(holds("300ms < latency", 300'001));
}

TEST(EventPredicate, CutsAreAscendingAndShared) {
  const LatencyCondition c = condition("latency > 300ms and latency <= 1s or not latency > 300ms");
  EXPECT_EQ(c.cuts, (std::vector<int64_t>{299'999, 300'000, 999'999, 1'000'000}));
  EXPECT_EQ(c.truth.size(), c.cuts.size() + 1);
  EXPECT_TRUE(c.holds(0));
  EXPECT_TRUE(c.holds(1'000'000));
  EXPECT_FALSE(c.holds(1'000'001));
}

TEST(EventPredicate, AComparisonWithAnAbsentLatencyIsFalseAndItsNotTrue) {
  EXPECT_FALSE(condition("latency > 300ms").holds(kNoLatency));
  EXPECT_FALSE(condition("latency <= 300ms").holds(kNoLatency));
  EXPECT_FALSE(condition("latency != 300ms").holds(kNoLatency));
  EXPECT_TRUE(condition("not latency > 300ms").holds(kNoLatency));
  EXPECT_TRUE(condition("success or latency > 300ms").holds(kNoLatency));
}

TEST(EventPredicate, SuccessAndMatchersAreThoseOfTheSeries) {
  EXPECT_TRUE(condition("success and latency < 300ms", true).holds(100));
  EXPECT_FALSE(condition("success and latency < 300ms", false).holds(100));
  EXPECT_TRUE(condition("{region=\"eu\"} and latency < 300ms", true, true).holds(100));
  EXPECT_FALSE(condition("{region=\"eu\"} and latency < 300ms", true, false).holds(100));
  EXPECT_TRUE(condition("not {region=\"eu\"}", true, false).holds(kNoLatency));
}

TEST(EventPredicate, WithoutLatencyThereAreNoCuts) {
  const LatencyCondition c = condition("not success", false);
  EXPECT_TRUE(c.cuts.empty());
  EXPECT_TRUE(c.holds(0));
  EXPECT_TRUE(c.holds(kLatencyMaxMicros));
  EXPECT_TRUE(c.holds(kNoLatency));
}

TEST(EventPredicate, EqualPredicatesHaveEqualIds) {
  const std::shared_ptr<const Plan> plan =
      plan_of_exprs({"count(latency > 300ms)[10s] > 1", "count( latency > 0.3s )[10s] > 2", "count(latency >= 300ms)[10s] > 1"});
  ASSERT_EQ(plan->views.size(), 1U);
  EXPECT_EQ(plan->views[0].predicates.size(), 2U);
}

}  // namespace
}  // namespace tocsin
