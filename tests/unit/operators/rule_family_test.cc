#include "operators/rule_family.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

using Standing = RuleFamily::Standing;
using Kind = RuleFamily::Standing::Kind;

std::vector<std::string> names_of(const Plan& plan, const RuleFamily& family) {
  std::vector<std::string> names;
  for (const int rule : family.rules()) names.push_back(plan.rules[static_cast<size_t>(rule)].rule.name);
  return names;
}

std::vector<std::vector<std::string>> all_names(const Plan& plan) {
  std::vector<std::vector<std::string>> names;
  for (const RuleFamily& family : families_of(plan)) names.push_back(names_of(plan, family));
  return names;
}

using Names = std::vector<std::vector<std::string>>;

TEST(RuleFamily, RulesThatDifferOnlyInTheirConstantAreOneInOrderOfDifficulty) {
  EXPECT_EQ(all_names(*plan_of_exprs({"error_rate[5m] > 5%", "error_rate[5m] > 1%", "error_rate[5m] > 2%"})), (Names{{"R1", "R2", "R0"}}));
  EXPECT_EQ(all_names(*plan_of_exprs({"p99[5m] < 5ms", "p99[5m] < 9ms"})), (Names{{"R1", "R0"}}));
  EXPECT_EQ(all_names(*plan_of_exprs({"count[5m] > 5", "3 < count[5m]"})), (Names{{"R1", "R0"}}));  // written the other way round
}

TEST(RuleFamily, AnyOtherDifferenceParts) {
  EXPECT_EQ(families_of(*plan_of_exprs({"count[5m] > 5", "count[5m] >= 6", "count[5m] < 5", "count[6m] > 5", "errors[5m] > 5",
                                        "count{domain=\"x\"}[5m] > 5", "p99[5m] > 5ms", "p95[5m] > 5ms"}))
                .size(),
            8U);
  const std::string expr = "expr: count[5m] > 5";
  EXPECT_EQ(families_of(*plan_of(rules_text({{expr},
                                             {expr, "by: [domain]"},
                                             {expr, "min_events: 9"},
                                             {expr, "no_data: keep"},
                                             {expr, "interval: 2s"},
                                             {expr, "group_retention: 9h"},
                                             {expr, "resolve: count[5m] < 3"}})))
                .size(),
            7U);
  EXPECT_EQ(families_of(*plan_of(rules_text({{expr}, {expr, "for: 9s"}, {expr, "cooldown: 9m"}, {expr, "keep_firing_for: 9s"}}))).size(),
            1U);
}

TEST(RuleFamily, WhatIsNotMonotoneStaysAlone) {
  EXPECT_EQ(families_of(*plan_of_exprs({"count[5m] == 5", "count[5m] == 6", "count[5m] != 6", "count[5m] != 7", "not count[5m] > 5",
                                        "not count[5m] > 6", "count[5m] > 5 and count[5m] > 4", "count[5m] > errors[5m]",
                                        "count[5m] > 1 + errors[5m]"}))
                .size(),
            9U);
}

// The verdicts of all rules, one by one.
uint32_t count_true(const Plan& plan, const RuleFamily& family, GroupWindows& windows) {
  uint32_t count = 0;
  for (size_t place = 0; place < family.rules().size(); ++place) {
    if (!plan.rules[static_cast<size_t>(family.rules()[place])].program.evaluate(windows, 0).is_true()) continue;
    EXPECT_EQ(place, count) << "true rules do not come first";
    ++count;
  }
  return count;
}

TEST(RuleFamily, TheSearchFindsTheVerdictsFromWhereverItBegins) {
  std::mt19937 random(5);
  for (const std::string op : {">", ">=", "<", "<="}) {
    for (const size_t size : {2U, 3U, 7U, 64U}) {
      std::vector<std::string> exprs;
      for (size_t i = 0; i < size; ++i) exprs.push_back(fmt::format("count[5m] {} {}", op, random() % 100));
      const std::shared_ptr<const Plan> plan = plan_of_exprs(exprs);
      const std::vector<RuleFamily> families = families_of(*plan);
      ASSERT_EQ(families.size(), 1U);
      FixedWindows windows(*plan);
      for (int n = 0; n <= 101; ++n) {
        windows.set_all(std::vector<Request>(static_cast<size_t>(n)));
        const Standing expected{Kind::kValue, count_true(*plan, families[0], windows)};
        for (uint32_t from = 0; from <= size; ++from) {
          ASSERT_EQ(families[0].find_standing(windows, {Kind::kValue, from}), expected) << op << " n " << n << " from " << from;
        }
        ASSERT_EQ(families[0].find_standing(windows, Standing()), expected);
      }
    }
  }
}

TEST(RuleFamily, ASmallMoveIsFoundWithAFewQuestions) {
  std::vector<std::string> exprs;
  exprs.reserve(1'000);
  for (int i = 0; i < 1'000; ++i) exprs.push_back(fmt::format("count[5m] > {}", i));
  const std::shared_ptr<const Plan> plan = plan_of_exprs(exprs);
  const std::vector<RuleFamily> families = families_of(*plan);

  class CountingWindows : public FixedWindows {
   public:
    using FixedWindows::FixedWindows;
    const Total& total(int window) override {
      ++asked;
      return FixedWindows::total(window);
    }
    int asked = 0;
  };
  CountingWindows windows(*plan);
  windows.set_all(std::vector<Request>(500));
  for (const uint32_t from : {500U, 499U, 501U, 498U, 502U}) {
    windows.asked = 0;
    EXPECT_EQ(families[0].find_standing(windows, {Kind::kValue, from}).true_rules, 500U);
    EXPECT_LE(windows.asked, 5);
  }
  windows.asked = 0;
  EXPECT_EQ(families[0].find_standing(windows, {Kind::kValue, 0}).true_rules, 500U);
  EXPECT_LE(windows.asked, 20);
}

TEST(RuleFamily, WithoutAValueNoDataDecidesWhoseVerdictChanges) {
  const auto family_with = [](const std::string& no_data) {
    return plan_of(rules_text({{"expr: p99[5m] > 1ms", no_data}, {"expr: p99[5m] > 2ms", no_data}, {"expr: p99[5m] > 3ms", no_data}}));
  };
  const Standing none{Kind::kNoValue, 0};
  const Standing two{Kind::kValue, 2};
  const std::shared_ptr<const Plan> ok = family_with("no_data: ok");
  const std::shared_ptr<const Plan> alert = family_with("no_data: alert");
  const std::shared_ptr<const Plan> keep = family_with("no_data: keep");
  FixedWindows windows(*ok);
  windows.set_all({});
  EXPECT_EQ(families_of(*ok)[0].find_standing(windows, two), none);
  using Places = RuleFamily::Places;
  EXPECT_EQ(families_of(*ok)[0].changed(two, none), (Places{0, 2}));
  EXPECT_EQ(families_of(*ok)[0].changed(none, two), (Places{0, 2}));
  EXPECT_EQ(families_of(*alert)[0].changed(two, none), (Places{2, 3}));
  EXPECT_EQ(families_of(*keep)[0].changed(two, none), (Places{0, 3}));
  EXPECT_EQ(families_of(*keep)[0].changed(none, none), (Places{0, 0}));
  EXPECT_EQ(families_of(*ok)[0].changed(Standing(), two), (Places{0, 3}));
  EXPECT_EQ(families_of(*ok)[0].changed({Kind::kValue, 3}, {Kind::kValue, 1}), (Places{1, 3}));
}

}  // namespace
}  // namespace tocsin
