#include "operators/pane_store.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/sketch_block.h"
#include "state/memory_store.h"
#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

constexpr EventTime kStart{1'700'000'000'000};
constexpr EventTime kEnd{kStart.ms + 1'000};

// A row of `count` latencies, each of so many microseconds.
Partial row_of(uint32_t latency_us, size_t count) {
  Partial partial;
  partial.total.count = partial.total.latency_count = count;
  partial.sketch.latency_min_us = partial.sketch.latency_max_us = latency_us;
  partial.sketch.parts.add_values(std::vector<uint32_t>(count, latency_us));
  return partial;
}

class Panes : public testing::Test {
 protected:
  Panes()
      : plan(plan_of(rules_text({{"expr: p50[1m] > 1ms", "by: [domain]", "interval: 1s"}}))), overlay(store), panes(*plan, overlay, 0) {}

  // As the evaluator does at the tick at which rows take effect.
  void settle(EventTime effect, const PaneRows& rows) {
    panes.add(0, effect, {{kStart, rows}});
    const Status status = panes.roll_up(effect);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  WindowSketch read(uint64_t group) {
    WindowSketch sketch;
    const Status status = panes.read_sketch(0, group, EventTime{kEnd.ms + 2'000}, sketch);
    EXPECT_TRUE(status.ok()) << status.message();
    return sketch;
  }
  size_t blocks() {
    size_t count = 0;
    const std::string from = keys::panes(0, plan->views[0].id, keys::PanePart::kSketches, plan->views[0].pane, kStart);
    for (const auto it = overlay.scan(from, state::prefix_end(from)); it->valid(); it->next()) ++count;
    return count;
  }

  std::shared_ptr<const Plan> plan;
  state::MemoryStore store;
  state::Overlay overlay;
  PaneStore panes;
};

TEST_F(Panes, OneGroupIsFoundAmongManyBlocks) {
  PaneRows rows;
  for (uint64_t group = 3; group < 6'000; group += 3) rows.emplace_back(group, row_of(static_cast<uint32_t>(group), 1));
  settle(kEnd, rows);
  ASSERT_EQ(blocks(), 4U);
  for (const uint64_t group : {3U, 1'536U, 1'539U, 1'542U, 3'000U, 5'997U}) {
    EXPECT_EQ(read(group).count(), 1U) << group;
    EXPECT_EQ(read(group).quantile(1), static_cast<double>(group));
  }
  for (const uint64_t group : {0U, 4U, 1'537U, 6'000U}) EXPECT_TRUE(read(group).count() == 0) << group;
}

TEST_F(Panes, LateRowsAreFoundBesideTheOthers) {
  PaneRows rows;
  for (uint64_t group = 0; group < 2'000; ++group) rows.emplace_back(group, row_of(10, 1));
  settle(kEnd, rows);
  settle(EventTime{kEnd.ms + 1'000}, {{700, row_of(20, 2)}, {1'900, row_of(30, 3)}});
  settle(EventTime{kEnd.ms + 2'000}, {{1'900, row_of(40, 4)}});
  EXPECT_EQ(read(5).count(), 1U);
  EXPECT_EQ(read(700).count(), 3U);
  EXPECT_EQ(read(701).count(), 1U);
  EXPECT_EQ(read(1'900).count(), 8U);
  EXPECT_EQ(read(1'999).count(), 1U);
}

// Latencies of three groups, some of them late by up to half a minute, and the window of a minute after each tick.
TEST_F(Panes, AWindowThatIsAskedForAgainIsWhatIsReadForTheFirstTime) {
  std::mt19937 random(3);
  const auto below = [&random](uint32_t end) { return static_cast<uint32_t>(random() % end); };
  size_t late_rows = 0;
  uint64_t most = 0;
  for (int second = 1; second <= 200; ++second) {
    const EventTime now{kStart.ms + second * 1'000};
    std::map<EventTime, PaneRows> rows;
    for (uint64_t group = 0; group < 3; ++group) rows[now - Duration{1'000}].emplace_back(group, row_of(below(1'000'000), 1 + below(60)));
    if (second > 40 && below(4) == 0) {
      rows[now - Duration{1'000 * (2 + below(30))}].emplace_back(below(3), row_of(below(1'000'000), 1 + below(200)));
      ++late_rows;
    }
    panes.add(0, now, rows);
    ASSERT_TRUE(panes.roll_up(now).ok());
    PaneStore fresh(*plan, overlay, 0);
    ASSERT_TRUE(fresh.load(now).ok());
    for (uint64_t group = 0; group < 3; ++group) {
      if (below(3) == 0) continue;
      WindowSketch again, first;
      ASSERT_TRUE(panes.read_sketch(0, group, now, again).ok());
      ASSERT_TRUE(fresh.read_sketch(0, group, now, first).ok());
      ASSERT_EQ(again.count(), first.count()) << "second " << second << ", group " << group;
      ASSERT_EQ(again.latency_min_us, first.latency_min_us);
      ASSERT_EQ(again.latency_max_us, first.latency_max_us);
      for (const double q : {0.01, 0.5, 0.99})
        ASSERT_EQ(again.quantile(q), first.quantile(q)) << "second " << second << ", group " << group;
      most = std::max(most, again.count());
    }
  }
  EXPECT_GT(late_rows, 20U);
  EXPECT_GT(most, 1'500U);
}

// At ticks of six seconds a window has, of the same start, now a pane of a second and then one of five.
TEST(PanesOfOddIntervals, AWindowThatIsAskedForAgainIsWhatIsReadForTheFirstTime) {
  const std::shared_ptr<const Plan> plan = plan_of(rules_text({{"expr: p50[1m] > 1ms", "by: [domain]", "interval: 6s"}}));
  const state::MemoryStore store;
  state::Overlay overlay(store);
  PaneStore panes(*plan, overlay, 0);
  const Duration width = plan->views[0].pane;
  EventTime at = floor_to(kStart, Duration{30'000});
  for (int i = 0; i < 800; ++i) {
    const EventTime now = at + width;
    panes.add(0, now, {{at, {{0, row_of(static_cast<uint32_t>(i + 1), 2)}}}});
    ASSERT_TRUE(panes.roll_up(now).ok());
    at = now;
    if (floor_to(now, plan->windows[0].interval) != now) continue;
    PaneStore fresh(*plan, overlay, 0);
    ASSERT_TRUE(fresh.load(now).ok());
    WindowSketch again, first;
    ASSERT_TRUE(panes.read_sketch(0, 0, now, again).ok());
    ASSERT_TRUE(fresh.read_sketch(0, 0, now, first).ok());
    ASSERT_EQ(again.count(), first.count()) << i;
    ASSERT_EQ(again.quantile(0.5), first.quantile(0.5)) << i;
  }
}

// A view of 70 s at ticks of a second: panes of 1, 5 and 60 s.
class LongerPanes : public testing::Test {
 protected:
  LongerPanes()
      : plan(plan_of(rules_text({{"expr: p50[70s] > 1ms", "by: [domain]", "interval: 1s"}}))), overlay(store), panes(*plan, overlay, 0) {}

  // Row i is of the pane of the i-th `pane` and of group 0.
  void add(int from, int to, size_t values) {
    const Duration width = plan->views[0].pane;
    for (int i = from; i < to; ++i) {
      const EventTime start = begin + Duration{width.ms * i};
      panes.add(0, start + width, {{start, {{0, row_of(static_cast<uint32_t>(1'000 * i + 1), values)}}}});
      const Status status = panes.roll_up(start + width);
      ASSERT_TRUE(status.ok()) << status.message();
    }
  }
  std::vector<std::string> sketch_blocks(int64_t width_ms) {
    std::vector<std::string> blocks;
    const std::string from = keys::panes(0, plan->views[0].id, keys::PanePart::kSketches, Duration{width_ms});
    for (const auto it = overlay.scan(from, state::prefix_end(from)); it->valid(); it->next()) blocks.emplace_back(it->value());
    return blocks;
  }
  SketchMerger merged(const std::vector<std::string>& blocks) {
    SketchMerger merger;
    WindowSketch extremes;
    for (const std::string& block : blocks) EXPECT_TRUE(merge_from_block(block, 0, extremes, merger).ok());
    return merger;
  }

  const EventTime begin = floor_to(kStart, Duration{60'000});
  std::shared_ptr<const Plan> plan;
  state::MemoryStore store;
  state::Overlay overlay;
  PaneStore panes;
};

TEST_F(LongerPanes, OfAMinuteHaveAllValuesOfThoseOfASecondAndNoneIsStoredBetween) {
  ASSERT_EQ(plan->views[0].pane.ms, 250);
  add(0, 240, 3);
  EXPECT_EQ(sketch_blocks(250).size(), 240U);
  EXPECT_EQ(sketch_blocks(1'000).size(), 60U);
  EXPECT_TRUE(sketch_blocks(5'000).empty());
  std::vector<uint32_t> values = merged(sketch_blocks(60'000)).take_values();
  std::sort(values.begin(), values.end());
  ASSERT_EQ(values.size(), 720U);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], i / 3 * 1'000 + 1);
}

TEST_F(LongerPanes, OfManyValuesAreOneDigest) {
  add(0, 240, 100);
  const std::vector<std::string> blocks = sketch_blocks(60'000);
  SketchMerger merger = merged(blocks);
  EXPECT_TRUE(merger.take_values().empty());
  const TDigest digest = merger.take();
  EXPECT_EQ(digest.count(), 24'000U);
  EXPECT_EQ(digest.min(), 1);
  EXPECT_EQ(digest.max(), 239'001);
  EXPECT_LT(blocks.at(0).size(), size_t{9} << 10);
}

TEST_F(LongerPanes, DamageIsToldOfWhenTheyAreRolledUp) {
  add(0, 239, 3);
  const std::string key = keys::pane_block(0, plan->views[0].id, keys::PanePart::kSketches, Duration{1'000}, begin + Duration{7'000},
                                           begin + Duration{8'000}, 0);
  v1::PaneBlock block;
  ASSERT_TRUE(block.ParseFromString(**overlay.get(key)));
  block.mutable_rows()->mutable_sketch(0)->back() = static_cast<char>(0x80);  // a varint without its end
  overlay.put(key, block.SerializeAsString());
  const EventTime end = begin + Duration{60'000};
  panes.add(0, end, {{end - Duration{250}, {{0, row_of(5, 3)}}}});
  const Status status = panes.roll_up(end);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(format_rfc3339(begin.ms + 7'000)), std::string::npos) << status.message();
}

// Sketches of five seconds are stored for a window of an hour, whose finer panes are gone after some seconds, and not for one of 70 s.
// Rules of the one kind are followed by rules of the other: the window of 70 s at the end has to hold all values.
struct ChangeOfRules {
  const char* before;
  const char* after;
  int change;  // seconds
  int end;
};

class PanesOfOtherRules : public testing::TestWithParam<ChangeOfRules> {
 protected:
  static EventTime at(int second) { return floor_to(kStart, Duration{60'000}) + Duration{1'000 * second}; }
  // Views are told apart by matchers and `by`: before and after it is the same one.
  static std::shared_ptr<const Plan> plan_with(const char* expr) {
    return plan_of(rules_text({{std::string("expr: '") + expr + "'", "by: [domain]", "interval: 1s"}}));
  }
  // A value in each second, and now and then one that is late by some seconds.
  static void evaluate(PaneStore& panes, int from, int to) {
    ASSERT_TRUE(panes.load(at(from)).ok());
    for (int second = from; second < to; ++second) {
      std::map<EventTime, PaneRows> rows;
      rows[at(second)].emplace_back(0, row_of(static_cast<uint32_t>(second), 1));
      if (second % 7 == 0) rows[at(second - 3)].emplace_back(0, row_of(static_cast<uint32_t>(10'000 + second), 1));
      if (second % 11 == 0) rows[at(second - 9)].emplace_back(0, row_of(static_cast<uint32_t>(20'000 + second), 1));
      panes.add(0, at(second + 1), rows);
      ASSERT_TRUE(panes.roll_up(at(second + 1)).ok());
      ASSERT_TRUE(panes.expire(at(second + 1)).ok());
    }
  }
  static std::vector<uint32_t> values_of_window(int end) {
    std::vector<uint32_t> all;
    for (int second = 0; second < end; ++second) {
      if (second >= end - 70) all.push_back(static_cast<uint32_t>(second));
      if (second % 7 == 0 && second - 3 >= end - 70) all.push_back(static_cast<uint32_t>(10'000 + second));
      if (second % 11 == 0 && second - 9 >= end - 70) all.push_back(static_cast<uint32_t>(20'000 + second));
    }
    std::sort(all.begin(), all.end());
    return all;
  }
};

constexpr const char* kShort = "p50[70s] > 1ms";
constexpr const char* kLong = "p50[1h] > 1ms";
constexpr const char* kBoth = "p50[70s] > 1ms and p50[1h] > 1ms";

TEST_P(PanesOfOtherRules, AreReadByWhatIsThere) {
  const ChangeOfRules& change = GetParam();
  const std::shared_ptr<const Plan> before = plan_with(change.before);
  const std::shared_ptr<const Plan> after = plan_with(change.after);
  ASSERT_EQ(before->views[0].id, after->views[0].id);
  const state::MemoryStore store;
  state::Overlay overlay(store);
  PaneStore earlier(*before, overlay, 0);
  evaluate(earlier, 0, change.change);
  PaneStore panes(*after, overlay, 0);
  evaluate(panes, change.change, change.end);
  const auto window = std::find_if(after->windows.begin(), after->windows.end(), [](const Window& w) { return w.length.ms == 70'000; });
  ASSERT_NE(window, after->windows.end());
  WindowSketch sketch;
  ASSERT_TRUE(panes.read_sketch(static_cast<int>(window - after->windows.begin()), 0, at(change.end), sketch).ok());
  EXPECT_EQ(sketch.digest, nullptr);
  EXPECT_EQ(sketch.values, values_of_window(change.end));
}

INSTANTIATE_TEST_SUITE_P(Rules, PanesOfOtherRules,
                         testing::Values(ChangeOfRules{kShort, kBoth, 131, 131}, ChangeOfRules{kShort, kBoth, 131, 134},
                                         ChangeOfRules{kShort, kBoth, 144, 159}, ChangeOfRules{kShort, kBoth, 158, 183},
                                         ChangeOfRules{kBoth, kShort, 131, 131}, ChangeOfRules{kBoth, kShort, 144, 147},
                                         ChangeOfRules{kBoth, kShort, 158, 195},
                                         // Whole tails only: of an hour's window finer ones are not kept.
                                         ChangeOfRules{kLong, kShort, 130, 130}, ChangeOfRules{kLong, kShort, 131, 135},
                                         ChangeOfRules{kLong, kShort, 158, 160}, ChangeOfRules{kLong, kShort, 158, 185},
                                         ChangeOfRules{kLong, kBoth, 144, 155}));

TEST_F(Panes, MoreWindowsThanAreKeptAreAllRight) {
  PaneRows rows;
  for (uint64_t group = 0; group < 3 * SketchCache::kEntries; ++group) rows.emplace_back(group, row_of(static_cast<uint32_t>(group), 1));
  settle(kEnd, rows);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t group = 0; group < rows.size(); ++group) EXPECT_EQ(read(group).quantile(0.5), static_cast<double>(group));
  }
  EXPECT_LT(panes.memory_bytes(), SketchCache::kEntries * 1'000);
}

TEST_F(Panes, ABlockIsBoundedByBytes) {
  PaneRows rows;
  for (uint64_t group = 0; group < 400; ++group) {
    rows.emplace_back(group, row_of(70'000, 500));
    for (int i = 0; i < 7; ++i) rows.back().second.sketch.parts.add_values(std::vector<uint32_t>(500, 9));
  }
  settle(kEnd, rows);
  const std::string from = keys::panes(0, plan->views[0].id, keys::PanePart::kSketches, plan->views[0].pane, kStart);
  size_t seen = 0;
  for (const auto it = overlay.scan(from, state::prefix_end(from)); it->valid(); it->next(), ++seen) {
    EXPECT_LT(it->value().size(), size_t{25} << 10);
  }
  EXPECT_GT(seen, 20U);
  EXPECT_EQ(read(399).count(), 4'000U);
}

TEST(PanesOfManyPredicates, ABlockOfCountersIsBoundedByBytesToo) {
  std::vector<std::string> exprs;
  for (int i = 1; i <= 100; ++i) exprs.push_back("count(latency > " + std::to_string(i) + "ms)[1m] > 1");
  const std::shared_ptr<const Plan> plan = plan_of_exprs(exprs);
  ASSERT_EQ(plan->views.size(), 1U);
  const state::MemoryStore store;
  state::Overlay overlay(store);
  PaneStore panes(*plan, overlay, 0);
  PaneRows rows;
  for (uint64_t group = 0; group < 500; ++group) {
    Partial partial;
    partial.total.count = 1'000'000;
    partial.total.predicates.assign(100, 1'000'000);
    rows.emplace_back(group, partial);
  }
  panes.add(0, kStart + plan->views[0].pane, {{kStart, rows}});
  const std::string from = keys::panes(0, plan->views[0].id, keys::PanePart::kCounters, plan->views[0].pane, kStart);
  size_t seen = 0;
  for (const auto it = overlay.scan(from, state::prefix_end(from)); it->valid(); it->next(), ++seen) {
    EXPECT_LT(it->value().size(), size_t{70} << 10);
  }
  EXPECT_GT(seen, 2U);
}

}  // namespace
}  // namespace tocsin
