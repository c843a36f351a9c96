// Three-valued logic, values that are not there, min_events, and what an alert shows as its value (SPEC 3.1, 5).

#include "operators/verdict.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

// true, false, none of an expression over a window with one request without latency: p50 has no value there.
std::string truth_of(const std::string& expr) {
  const auto plan = plan_of_exprs({expr});
  FixedWindows windows(*plan);
  windows.set_all({{kNoLatency, true, 1}});
  const Value value = value_of(*plan, windows);
  return !value.has_value() ? "none" : value.is_true() ? "true" : "false";
}

TEST(Verdict, AndOrNotAreThreeValued) {
  const std::string t = "count[10s] > 0";
  const std::string f = "count[10s] > 5";
  const std::string n = "p50[10s] > 1ms";
  const std::map<std::string, std::string> terms = {{"true", t}, {"false", f}, {"none", n}};
  const auto both = [](const std::string& a, const std::string& b) {
    return a == "false" || b == "false" ? "false" : a == "none" || b == "none" ? "none" : "true";
  };
  const auto either = [](const std::string& a, const std::string& b) {
    return a == "true" || b == "true" ? "true" : a == "none" || b == "none" ? "none" : "false";
  };
  for (const auto& [a, left] : terms) {
    EXPECT_EQ(truth_of(left), a);
    EXPECT_EQ(truth_of("not " + left), a == "none" ? "none" : a == "true" ? "false" : "true");
    for (const auto& [b, right] : terms) {
      EXPECT_EQ(truth_of(fmt::format("{} and {}", left, right)), both(a, b)) << a << " and " << b;
      EXPECT_EQ(truth_of(fmt::format("{} or {}", left, right)), either(a, b)) << a << " or " << b;
    }
  }
}

TEST(Verdict, ANumberIsTrueIfItIsNotZero) {
  EXPECT_EQ(truth_of("count[10s] and count[10s] > 0"), "true");
  EXPECT_EQ(truth_of("errors[10s] or count[10s] > 5"), "false");
  EXPECT_EQ(truth_of("not errors[10s]"), "true");
  EXPECT_EQ(truth_of("p50[10s] or errors[10s]"), "none");
}

TEST(Verdict, ArithmeticWithNoValueHasNone) {
  EXPECT_EQ(truth_of("p50[10s] + 1 > count[10s]"), "none");
  EXPECT_EQ(truth_of("count[10s] > -p50[10s]"), "none");
  EXPECT_EQ(truth_of("count[10s] * 2 == count[10s] + 1"), "true");
}

TEST(Verdict, ADivisionByZeroHasNoValue) {
  EXPECT_EQ(truth_of("count[10s] / errors[10s] > 1"), "none");
  EXPECT_EQ(truth_of("errors[10s] / count[10s] == 0 * count[10s]"), "true");
  EXPECT_EQ(truth_of("count[10s] / errors[10s] > 1 or count[10s] > 0"), "true");
}

TEST(Verdict, RatiosOfNothingHaveNoValueButCountsDo) {
  const auto plan =
      plan_of_exprs({"error_rate[10s] > 1%", "success_rate[10s] < 99%", "share(success)[10s] < 5%", "avg[10s] > 1ms", "max[10s] > 1ms",
                     "p99[10s] > 1ms", "count[10s] < 1", "rate[10s] < 1", "errors[10s] < 1", "sum[10s] < 1ms", "count(success)[10s] < 1"});
  FixedWindows empty(*plan);
  for (size_t rule = 0; rule < 6; ++rule) EXPECT_FALSE(value_of(*plan, empty, rule).has_value()) << rule;
  for (size_t rule = 6; rule < plan->rules.size(); ++rule) EXPECT_TRUE(value_of(*plan, empty, rule).is_true()) << rule;
}

TEST(Verdict, MinEventsCountsWeightsInTheLongestWindow) {
  const auto plan = plan_of(rules_text({{"expr: 'error_rate[10s] > 10% and error_rate[1m] > 10%'", "min_events: 5"}}));
  FixedWindows windows(*plan);
  const auto set = [&](uint32_t n, uint32_t long_n) {
    for (size_t w = 0; w < plan->windows.size(); ++w) {
      windows.set(static_cast<int>(w), {{kNoLatency, false, plan->windows[w].length.ms == 60'000 ? long_n : n}});
    }
  };
  set(1, 5);
  EXPECT_TRUE(value_of(*plan, windows).is_true());
  set(4, 4);
  EXPECT_FALSE(value_of(*plan, windows).has_value());
  EXPECT_FALSE(shown_by(*plan, windows).value);
}

TEST(Verdict, MinEventsTakesTheLeastNOfSeveralLongestAggregates) {
  const auto plan = plan_of(rules_text({{"expr: 'p99[1m] > 1ms or error_rate[1m] > 10%'", "min_events: 3"}}));
  FixedWindows windows(*plan);
  windows.set_all({{5000}, {5000}, {kNoLatency, false, 10}});
  EXPECT_FALSE(value_of(*plan, windows).has_value()) << "two requests have a latency";
  windows.set_all({{5000}, {5000}, {5000}});
  EXPECT_TRUE(value_of(*plan, windows).is_true());
}

// --- What an alert shows

// Over ten requests of 20 ms, two of which failed.
Program::Shown shown(const std::string& expr) {
  const auto plan = plan_of_exprs({expr});
  FixedWindows windows(*plan);
  windows.set_all({{20'000, true, 8}, {20'000, false, 2}});
  return shown_by(*plan, windows);
}

TEST(ShownValue, IsTheLeftSideOfTheFirstComparisonThatIsTrue) {
  EXPECT_EQ(shown("error_rate[10s] > 5%").value, 0.2);
  EXPECT_EQ(shown("error_rate[10s] > 50% or count[10s] > 5").value, 10);
  EXPECT_EQ(shown("count[10s] > 5 or error_rate[10s] > 5%").value, 10);
  EXPECT_EQ(shown("errors[10s] * 3 > count[10s] / 2").value, 6);
}

TEST(ShownValue, IsThatOfTheFirstComparisonIfNoneIsTrue) { EXPECT_EQ(shown("errors[10s] > 50 or count[10s] > 50").value, 2); }

TEST(ShownValue, IsTheRightSideIfTheLeftOneIsConstant) {
  EXPECT_EQ(shown("5% < error_rate[10s]").value, 0.2);
  EXPECT_EQ(shown("1 + 2 * 2 < count[10s]").value, 10);
}

TEST(ShownValue, AComparisonOfConstantsCountsToo) {
  EXPECT_EQ(shown("1 < 3 and count[10s] > 5").value, 3);
  EXPECT_EQ(shown("(1 < 3 and 5 > 4) and count[10s] > 5").value, 3);
  EXPECT_EQ(shown("3 < 1 or (4 < 1 or 5 < 6) or count[10s] > 5").value, 6);
  EXPECT_EQ(shown("not (1 > 3) and count[10s] > 50").value, 3) << "none is true, so it is the first";
  EXPECT_EQ(shown("not (7 < 3)").value, 3);
  EXPECT_EQ(shown("1 / 0 < 3 and count[10s] > 50").value, 3) << "without a value it is not true";
}

TEST(ShownValue, LooksUnderNot) {
  EXPECT_EQ(shown("not count[10s] < 5").value, 10) << "none is true, so it is the first";
  EXPECT_EQ(shown("not (errors[10s] > 5 or count[10s] < 5) and p50[10s] > 10ms").value, 20)
      << "the third comparison is the first that is true";
}

TEST(ShownValue, WithoutComparisonsIsTheExpressionsValue) {
  EXPECT_EQ(shown("errors[10s] + 0.5").value, 2.5);
  EXPECT_EQ(shown("not errors[10s]").value, 0);
  EXPECT_EQ(shown("errors[10s] and count[10s]").value, 1);
}

TEST(ShownValue, IsAbsentWhereTheRuleHasNoValue) {
  const auto plan = plan_of_exprs({"p50[10s] > 1ms"});
  FixedWindows windows(*plan);
  EXPECT_FALSE(shown_by(*plan, windows).value);
}

TEST(ShownValue, EvidenceIsOfTheFirstAggregateInTheSideShown) {
  const auto plan = plan_of_exprs({"error_rate[10s] > 50% or 3 < count[1m] / errors[30s]"});
  FixedWindows windows(*plan);
  windows.set_all({{20'000, true, 8}, {20'000, false, 2}});
  const Program::Shown result = shown_by(*plan, windows);
  EXPECT_EQ(result.value, 5);
  ASSERT_GE(result.aggregate, 0);
  EXPECT_EQ(plan->rules[0].program.aggregates[static_cast<size_t>(result.aggregate)].window_ms, 60'000);
}

}  // namespace
}  // namespace tocsin
