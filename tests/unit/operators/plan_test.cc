#include "operators/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

using testing::ElementsAre;

constexpr Duration kR{250};
constexpr int64_t kHour = 3'600'000;
constexpr int64_t kDay = 24 * kHour;

TEST(TailStep, IsTheLargestStepThatDoesNotExceedAThreeHundredthOfTheWindow) {
  EXPECT_EQ(tail_step({250}, kR).ms, 250);
  EXPECT_EQ(tail_step({10'000}, kR).ms, 250);
  EXPECT_EQ(tail_step({299'999}, kR).ms, 250);
  EXPECT_EQ(tail_step({300'000}, kR).ms, 1000);
  EXPECT_EQ(tail_step({1'499'999}, kR).ms, 1000);
  EXPECT_EQ(tail_step({1'500'000}, kR).ms, 5000);
  EXPECT_EQ(tail_step({5 * kHour - 1}, kR).ms, 5000);
  EXPECT_EQ(tail_step({5 * kHour}, kR).ms, 60'000);
  EXPECT_EQ(tail_step({25 * kHour}, kR).ms, 300'000);
  EXPECT_EQ(tail_step({300 * kHour}, kR).ms, kHour);
  EXPECT_EQ(tail_step({30 * kDay}, kR).ms, kHour);
  EXPECT_EQ(tail_step({75 * kDay}, kR).ms, 6 * kHour);
}

TEST(TailStep, IsNeverFinerThanTheResolution) {
  EXPECT_EQ(tail_step({500}, {500}).ms, 500);
  EXPECT_EQ(tail_step({60'000}, {1000}).ms, 1000);
  EXPECT_EQ(tail_step({1'500'000}, {1000}).ms, 5000);
}

TEST(Window, StartsAtTheFlooredTailAndExcludesTheTick) {
  const Window window{0, {300'000}, {1000}, {}, kR};
  EXPECT_EQ(window.tail({600'250}), EventTime{300'000});
  EXPECT_EQ(window.head({600'250}), EventTime{600'250});
  EXPECT_EQ(window.tail({100}), EventTime{-300'000});
  const Window shifted{0, {300'000}, {1000}, {60'000}, kR};
  EXPECT_EQ(shifted.tail({600'250}), EventTime{240'000});
  EXPECT_EQ(shifted.head({600'250}), EventTime{540'250});
}

TEST(Plan, EqualMatchersAndGroupingShareAView) {
  const auto plan = plan_of(rules_text({{"expr: 'error_rate{domain=\"chat\", region=\"eu\"}[10s] > 2%'", "by: [version, operation]"},
                                        {"expr: 'p99{region=\"eu\", domain=\"chat\"}[1m] > 500ms'", "by: [operation, version]"},
                                        {"expr: 'count{domain=\"chat\"}[10s] > 2'", "by: [operation, version]"},
                                        {"expr: 'count{domain=\"chat\", region=\"eu\"}[10s] > 2'"}}));
  ASSERT_EQ(plan->views.size(), 3U);
  EXPECT_EQ(plan->group_spaces.size(), 2U);
  EXPECT_EQ(plan->rules[0].group_space, plan->rules[1].group_space);
  EXPECT_EQ(plan->rules[0].windows.size(), 1U);
  EXPECT_EQ(plan->windows[static_cast<size_t>(plan->rules[0].windows[0])].view,
            plan->windows[static_cast<size_t>(plan->rules[1].windows[0])].view);
  EXPECT_THAT(plan->views[0].by, ElementsAre("operation", "version"));
}

TEST(Plan, ViewIdsDependOnlyOnMatchersAndGrouping) {
  const auto one = plan_of_exprs({"count{domain=\"chat\"}[10s] > 2"});
  const auto other = plan_of_exprs({"count[1m] > 9", "p50{domain=\"chat\"}[5m] > 1ms"});
  EXPECT_EQ(other->find_view(one->views[0].id), 1);
  EXPECT_EQ(other->find_view(one->views[0].id + 1), -1);
}

// A label may have any name, also one that reads like two.
TEST(Plan, DifferentGroupingsNeverShareAView) {
  const auto plan = plan_of(rules_text({{"expr: 'count[10s] > 1'", "by: [a, b]"},
                                        {"expr: 'count[10s] > 1'", "by: ['a, b']"},
                                        {"expr: 'count[10s] > 1'", "by: ['\"a', 'b\"']"},
                                        {"expr: 'count[10s] > 1'", "by: ['a, b\"', '\"c']"}}));
  ASSERT_EQ(plan->views.size(), 4U);
  EXPECT_THAT(plan->views[1].by, ElementsAre("a, b"));
  EXPECT_EQ(plan->views[0].description, "{} by (a, b)");
  EXPECT_EQ(plan->views[1].description, "{} by [\"a, b\"]");
}

TEST(Plan, ThresholdsAreAscendingAndUnique) {
  const auto plan = plan_of_exprs({"p99[10s] > 500ms", "p50[1m] >= 200ms", "max[10s] > 0.5s", "p95[10s] == 300ms", "min[10s] < -1ms"});
  ASSERT_EQ(plan->views.size(), 1U);
  EXPECT_THAT(plan->views[0].thresholds, ElementsAre(199'999, 299'999, 300'000, 500'000));
  EXPECT_TRUE(plan->views[0].latency);
}

TEST(Plan, OnlyViewsWithLatencyAggregatesReadLatencies) {
  const auto plan = plan_of_exprs({"error_rate[10s] > 50% and count[10s] > 3 and share(latency > 1s)[10s] > 10%"});
  EXPECT_FALSE(plan->views[0].latency);
  EXPECT_TRUE(plan->views[0].thresholds.empty());
}

TEST(Plan, ThePaneDividesIntervalsAndSteps) {
  const auto plan = plan_of(rules_text({{"expr: 'count[10m] > 1'", "interval: 3s"},
                                        {"expr: 'count{domain=\"chat\"}[10m] > 1'", "interval: 1500ms"},
                                        {"expr: 'count{domain=\"api\"}[10m] > 1 and count{domain=\"api\"}[10s] > 1'", "interval: 3s"}}));
  EXPECT_EQ(plan->views[0].pane.ms, 1000);
  EXPECT_EQ(plan->views[1].pane.ms, 500);
  EXPECT_EQ(plan->views[2].pane.ms, 250);
  EXPECT_EQ(plan->pane.ms, 250);
}

TEST(Plan, EachLevelDividesTheNextAndThePaneIsTheFirst) {
  const auto plan = plan_of(rules_text({{"expr: 'error_rate[30d] > 1% and error_rate[5m] > 1%'", "interval: 1s"},
                                        {"expr: 'count{domain=\"a\"}[1h] > 1'", "interval: 750ms"},
                                        {"expr: 'count{domain=\"b\"}[6h] > 1'"},
                                        {"expr: 'count{domain=\"c\"}[20m] > 1'", "interval: 3s"}}));
  for (const View& view : plan->views) {
    ASSERT_FALSE(view.levels.empty());
    EXPECT_EQ(view.levels[0].width, view.pane) << view.description;
    for (size_t i = 1; i < view.levels.size(); ++i) {
      EXPECT_GT(view.levels[i].width, view.levels[i - 1].width) << view.description;
      EXPECT_EQ(view.levels[i].width.ms % view.levels[i - 1].width.ms, 0) << view.description;
    }
  }
  for (const Window& window : plan->windows) {
    const View& view = plan->views[static_cast<size_t>(window.view)];
    for (const Duration part : {window.interval, window.step, window.offset}) EXPECT_EQ(part.ms % view.pane.ms, 0) << view.description;
    const auto is_step = [&](const Level& level) { return level.width == window.step; };
    const bool fine_enough = window.step == view.pane || std::any_of(view.levels.begin(), view.levels.end(), is_step);
    EXPECT_TRUE(fine_enough) << view.description;
    EXPECT_GE(view.levels.back().retention, window.length + window.offset) << view.description;
  }
}

// Level by level, `-` for those whose sketches are put together from the level below.
std::string sketch_levels(const std::string& expr, const std::string& interval) {
  const auto plan = plan_of(rules_text({{"expr: '" + expr + "'", "interval: " + interval}}));
  std::string text;
  for (const Level& level : plan->views.at(0).levels) text += fmt::format("{}{} ", level.stores_sketches ? "" : "-", level.width.ms);
  return text;
}

TEST(Plan, SketchesOfFiveSecondsAreLeftOutWhereTheLevelBelowIsKeptForAllWindows) {
  EXPECT_EQ(sketch_levels("p99[5m] > 1ms", "1s"), "1000 -5000 60000 300000 ");
  EXPECT_EQ(sketch_levels("p99[5m] > 1ms", "250ms"), "250 1000 -5000 60000 300000 ");
  EXPECT_EQ(sketch_levels("p99[30s] > 1ms", "1s"), "250 1000 -5000 ");
  // The tail of an hour's window moves by five seconds: nothing finer is kept for as long.
  EXPECT_EQ(sketch_levels("p99[1h] > 1ms", "1s"), "1000 5000 60000 300000 3600000 ");
  EXPECT_EQ(sketch_levels("p99[1h] > 1ms and p99[5m] > 1ms", "1s"), "1000 5000 60000 300000 3600000 ");
  EXPECT_EQ(sketch_levels("p99[6h] > 1ms and p99[10s] > 1ms", "1s"), "250 1000 5000 60000 300000 3600000 21600000 ");
}

TEST(Plan, ALevelIsKeptUntilTheNextOneWithSketchesHasBeenMadeOfIt) {
  const auto plan =
      plan_of(rules_text({{"expr: 'p99[5m] > 1ms'", "interval: 1s"}, {"expr: 'p99{domain=\"a\"}[24h] > 1ms'", "interval: 1s"}}));
  for (const View& view : plan->views) {
    for (size_t from = 0, to = 1; to < view.levels.size(); ++to) {
      if (!view.levels[to].stores_sketches) continue;
      EXPECT_GE(view.levels[from].retention, view.levels[to].width) << view.description << " " << from;
      from = to;
    }
  }
}

TEST(Plan, RetentionIsAtLeastTheLongestWindowOfExpr) {
  const auto plan = plan_of(rules_text({{"expr: 'count[10s] > 1'"},
                                        {"expr: 'count[10s] > 1'", "group_retention: 5m"},
                                        {"expr: 'count[5m] > 1'", "group_retention: 1s"},
                                        {"expr: 'count[10s] > 1'", "resolve: 'count[1h] < 1'", "group_retention: 1s"}}));
  EXPECT_EQ(plan->rules[0].retention.ms, kDay);
  EXPECT_EQ(plan->rules[1].retention.ms, 300'000);
  EXPECT_EQ(plan->rules[2].retention.ms, 300'000 + 1000);
  EXPECT_EQ(plan->rules[3].retention.ms, 10'000 + 250);
}

TEST(Plan, DisabledRulesAskForNothing) {
  const auto plan = plan_of(rules_text({{"expr: 'count[10s] > 1'"}, {"expr: 'p99{domain=\"x\"}[1h] > 1ms'", "enabled: false"}}));
  EXPECT_EQ(plan->rules.size(), 1U);
  EXPECT_EQ(plan->views.size(), 1U);
}

TEST(Plan, TheVersionChangesWithWhatStageOneMustCount) {
  const auto version = [](const std::string& expr) { return plan_of_exprs({expr})->version; };
  EXPECT_EQ(version("p99[10s] > 500ms"), version("p99[10s] > 0.5s"));
  EXPECT_NE(version("p99[10s] > 500ms"), version("p99[10s] > 501ms"));
  EXPECT_NE(version("count[10s] > 5"), version("count{domain=\"x\"}[10s] > 5"));
}

TEST(SlotMatcher, PatternsAreAnchoredAndTheDotStopsAtANewline) {
  const auto plan = plan_of_exprs({"count{a=~\"eu|us-.*\", b!~\"x.\", c!=\"y\", d=\"\"}[10s] > 1"});
  const std::vector<SlotMatcher>& matchers = plan->views[0].matchers;
  ASSERT_EQ(matchers.size(), 4U);
  EXPECT_TRUE(matchers[0].matches("eu"));
  EXPECT_TRUE(matchers[0].matches("us-1"));
  EXPECT_FALSE(matchers[0].matches("eu-1"));
  EXPECT_FALSE(matchers[0].matches("us-\n"));
  EXPECT_FALSE(matchers[1].matches("xx"));
  EXPECT_TRUE(matchers[1].matches("xxx"));
  EXPECT_TRUE(matchers[1].matches(""));
  EXPECT_TRUE(matchers[2].matches(""));
  EXPECT_FALSE(matchers[2].matches("y"));
  EXPECT_TRUE(matchers[3].matches(""));
}

}  // namespace
}  // namespace tocsin
