// Comparisons of one aggregate with a constant are decided by integers (SPEC 3.1): against brute force, and where doubles would err.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

constexpr const char* kOps[] = {"<", "<=", ">", ">=", "==", "!="};

template <typename T>
bool compare(int op, T left, T right) {
  switch (op) {
    case 0: return left < right;
    case 1: return left <= right;
    case 2: return left > right;
    case 3: return left >= right;
    case 4: return left == right;
    default: return left != right;
  }
}

// A quantile as a fraction, the text of its aggregate, and how to find its rank.
struct Quantile {
  const char* name;
  uint64_t numerator;
  uint64_t denominator;
};
constexpr Quantile kQuantiles[] = {{"quantile(0)", 0, 1},
                                   {"quantile(1)", 1, 1},
                                   {"quantile(0.07)", 7, 100},
                                   {"p50", 1, 2},
                                   {"quantile(0.333)", 333, 1000},
                                   {"p99", 99, 100},
                                   {"min", 0, 1},
                                   {"max", 1, 1}};
// In tenths of a microsecond, so that some lie between two latencies.
constexpr int64_t kConstants[] = {-10, 0, 5, 10, 30, 35, 80, 120};

std::string milliseconds(int64_t tenths_of_us) {
  return fmt::format("{}0.{:04}ms", tenths_of_us < 0 ? "-" : "", tenths_of_us < 0 ? -tenths_of_us : tenths_of_us);
}

// The latency at nearest rank, every request counted as often as it weighs.
uint64_t nearest_rank(const std::vector<Request>& requests, const Quantile& q) {
  std::vector<uint64_t> latencies;
  for (const Request& request : requests) {
    if (request.latency_us != kNoLatency) latencies.insert(latencies.end(), request.weight, request.latency_us);
  }
  std::sort(latencies.begin(), latencies.end());
  const uint64_t rank = std::max<uint64_t>(1, (q.numerator * latencies.size() + q.denominator - 1) / q.denominator);
  return latencies[rank - 1];
}

TEST(ExactVerdict, QuantilesAgreeWithNearestRankOfEverySmallSet) {
  std::vector<std::string> exprs;
  for (const Quantile& q : kQuantiles) {
    for (const char* op : kOps) {
      for (const int64_t constant : kConstants) exprs.push_back(fmt::format("{}[10s] {} {}", q.name, op, milliseconds(constant)));
    }
  }
  const auto plan = plan_of_exprs(exprs);
  std::mt19937 random(5);
  for (int round = 0; round < 120; ++round) {
    std::vector<Request> requests(1 + random() % 9);
    for (Request& request : requests) request = {random() % 13, true, random() % 3 == 0 ? static_cast<uint32_t>(1 + random() % 200) : 1};
    if (random() % 2 == 0) requests.push_back({kNoLatency, true, 50});
    FixedWindows windows(*plan);
    windows.set_all(requests);
    size_t rule = 0;
    for (const Quantile& q : kQuantiles) {
      const auto tenths = static_cast<int64_t>(nearest_rank(requests, q) * 10);
      for (int op = 0; op < 6; ++op) {
        for (const int64_t constant : kConstants) {
          const Value value = value_of(*plan, windows, rule);
          ASSERT_EQ(value.kind, Value::Kind::kTruth) << exprs[rule];
          ASSERT_EQ(value.truth, compare(op, tenths, constant)) << exprs[rule] << ", nearest rank is " << tenths << " tenths of a us";
          ++rule;
        }
      }
    }
  }
}

TEST(ExactVerdict, TheConstantMayStandOnTheLeft) {
  const auto plan =
      plan_of_exprs({"5ms < p50[10s]", "5ms <= p50[10s]", "5ms > p50[10s]", "5ms >= p50[10s]", "5ms == p50[10s]", "5ms != p50[10s]"});
  FixedWindows windows(*plan);
  for (const uint64_t us : {4'999U, 5'000U, 5'001U}) {
    windows.set_all({{us}});
    for (int op = 0; op < 6; ++op) {
      EXPECT_EQ(value_of(*plan, windows, static_cast<size_t>(op)).truth, compare<uint64_t>(op, 5'000, us)) << op << " " << us;
    }
  }
}

// n requests of which so many failed.
std::vector<Request> failed(uint32_t errors, uint32_t n) { return {{kNoLatency, false, errors}, {kNoLatency, true, n - errors}}; }

TEST(ExactVerdict, AThirdIsGreaterThanItsDecimals) {
  const auto plan = plan_of_exprs({"error_rate[10s] > 33.3333%", "error_rate[10s] > 33.33333333333333333333%",
                                   "error_rate[10s] < 33.33333333333333333334%", "error_rate[10s] == 1 / 3", "error_rate[10s] >= 1 / 3",
                                   "error_rate[10s] > 1 / 3", "success_rate[10s] == 2 / 3"});
  FixedWindows windows(*plan);
  for (const uint32_t n : {3U, 300U, 3'000'000'000U}) {
    windows.set_all(failed(n / 3, n));
    EXPECT_TRUE(value_of(*plan, windows, 0).truth);
    EXPECT_TRUE(value_of(*plan, windows, 1).truth);
    EXPECT_TRUE(value_of(*plan, windows, 2).truth);
    EXPECT_TRUE(value_of(*plan, windows, 3).truth);
    EXPECT_TRUE(value_of(*plan, windows, 4).truth);
    EXPECT_FALSE(value_of(*plan, windows, 5).truth);
    EXPECT_TRUE(value_of(*plan, windows, 6).truth);
  }
}

TEST(ExactVerdict, DecimalPercentagesAreMetExactly) {
  std::vector<std::string> exprs;
  for (int percent = 1; percent < 100; ++percent) exprs.push_back(fmt::format("error_rate[10s] == {}%", percent));
  const auto plan = plan_of_exprs(exprs);
  FixedWindows windows(*plan);
  for (uint32_t errors = 1; errors < 100; ++errors) {
    windows.set_all(failed(errors, 100));
    for (uint32_t percent = 1; percent < 100; ++percent) {
      ASSERT_EQ(value_of(*plan, windows, percent - 1).truth, percent == errors) << exprs[percent - 1] << " at " << errors << " of 100";
    }
  }
}

TEST(ExactVerdict, RatesAveragesAndSumsAreComparedAsFractions) {
  const auto plan = plan_of_exprs({"rate[3s] == 1 / 3", "rate[3s] > 0.333333333333333333", "avg[3s] == 10ms / 3",
                                   "sum[3s] == 0.01ms * 1000", "share(latency > 3ms)[3s] == 1 / 3", "count(latency > 3ms)[3s] == 1"});
  FixedWindows windows(*plan);
  windows.set_all({{kNoLatency, true, 1}});
  EXPECT_TRUE(value_of(*plan, windows, 0).truth);
  EXPECT_TRUE(value_of(*plan, windows, 1).truth);
  windows.set_all({{3000}, {3000}, {4000}});
  for (size_t rule = 2; rule < 6; ++rule) EXPECT_TRUE(value_of(*plan, windows, rule).truth) << rule;
}

TEST(ExactVerdict, SumsBeyondDoublesAreStillExact) {
  const auto plan =
      plan_of_exprs({"sum[10s] > 36893488147419103232ms", "sum[10s] >= 36893488147419103232ms", "count[10s] > 9007199254740992"});
  FixedWindows windows(*plan);
  windows.set_all({{1}});
  Total total = windows.total(0);
  total.latency_sum_us = (Uint128{1} << 65) * 1000;
  total.count = (uint64_t{1} << 53) + 1;
  struct One : GroupWindows {
    Total value;
    WindowSketch none;
    const Total& total(int) override { return value; }
    const WindowSketch& sketch(int) override { return none; }
  } one;
  one.value = total;
  EXPECT_FALSE(value_of(*plan, one, 0).truth);
  EXPECT_TRUE(value_of(*plan, one, 1).truth);
  EXPECT_TRUE(value_of(*plan, one, 2).truth);
  one.value.latency_sum_us += 1;
  EXPECT_TRUE(value_of(*plan, one, 0).truth);
}

TEST(ExactVerdict, TheShownQuantileLiesOnTheSideThatTheVerdictProves) {
  const auto plan = plan_of_exprs({"p50[10s] > 10ms", "p90[10s] > 10ms", "p90[10s] >= 10ms", "p90[10s] <= 10ms"});
  std::mt19937 random(9);
  for (int round = 0; round < 30; ++round) {
    std::vector<Request> requests(300 + random() % 300);
    for (Request& request : requests) request = {random() % 12'000, true, 1 + static_cast<uint32_t>(random() % 2)};
    FixedWindows windows(*plan);
    windows.set_all(requests);
    for (size_t rule = 0; rule < plan->rules.size(); ++rule) {
      const bool truth = value_of(*plan, windows, rule).truth;
      const double shown = *shown_by(*plan, windows, rule).value;
      EXPECT_EQ(truth, compare(rule == 3 ? 1 : rule == 2 ? 3 : 2, shown, 10.0)) << "rule " << rule << " shows " << shown;
    }
  }
}

}  // namespace
}  // namespace tocsin
