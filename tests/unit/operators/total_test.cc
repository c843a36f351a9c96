#include "operators/total.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tocsin {
namespace {

PartialTotal random_total(std::mt19937& random) {
  PartialTotal total;
  total.count = random() % 100;
  total.errors = random() % (total.count + 1);
  total.latency_count = random() % (total.count + 1);
  total.latency_sum_us = Uint128{random()} << (random() % 90);
  for (int i = 0; i < 3; ++i) total.above.add(static_cast<uint32_t>(random() % 5), random() % 10);
  for (int i = 0; i < 2; ++i) total.predicates.push_back(random() % 10);
  return total;
}

uint64_t count_above(const PartialTotal& total, int threshold) {
  Total window;
  window.add(total);
  return window.count_above(threshold);
}

TEST(SparseCounts, HoldsWhatWasAddedInAnyOrderOnceForEachThreshold) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::map<uint32_t, uint64_t> expected;
    SparseCounts sum;
    for (int part = 0; part < 4; ++part) {
      SparseCounts other;
      for (uint64_t n = random() % 6; n > 0; --n) {
        const auto threshold = static_cast<uint32_t>(random() % 8);
        const uint64_t weight = random() % 3;
        if (weight > 0) expected[threshold] += weight;
        part % 2 == 0 ? sum.add(threshold, weight) : other.add(threshold, weight);
      }
      sum.add(other);
    }
    EXPECT_EQ(sum.entries(), std::vector<SparseCounts::Entry>(expected.begin(), expected.end()));
  }
}

TEST(Total, CountAboveAThresholdIsTheSumFromItOn) {
  Total total;
  total.above = {5, 0, 7, 1};
  EXPECT_EQ(total.count_above(0), 13U);
  EXPECT_EQ(total.count_above(1), 8U);
  EXPECT_EQ(total.count_above(3), 1U);
}

TEST(Total, AnEmptyOneCountsNothingAboveAnyThreshold) { EXPECT_EQ(Total().count_above(2), 0U); }

TEST(Total, WhatWasAddedInOneOrderCanBeSubtractedInAnother) {
  std::mt19937 random(3);
  std::vector<PartialTotal> parts;
  Total sum;
  for (int i = 0; i < 50; ++i) sum.add(parts.emplace_back(random_total(random)));
  const PartialTotal kept = parts.back();
  parts.pop_back();
  std::shuffle(parts.begin(), parts.end(), random);
  for (const PartialTotal& part : parts) sum.subtract(part);
  EXPECT_EQ(sum.count, kept.count);
  EXPECT_EQ(sum.errors, kept.errors);
  EXPECT_EQ(sum.latency_count, kept.latency_count);
  EXPECT_TRUE(sum.latency_sum_us == kept.latency_sum_us);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sum.count_above(i), count_above(kept, i)) << i;
  EXPECT_EQ(sum.predicates, kept.predicates);
}

TEST(TotalDeathTest, SubtractingWhatWasNeverAddedAborts) {
  Total total;
  total.count = 3;
  PartialTotal other;
  other.count = 4;
  EXPECT_DEATH(total.subtract(other), "never entered");
}

TEST(Partial, MergingKeepsExtremesAndTheLatestEvents) {
  Partial a;
  a.total.count = 2;
  a.sketch.latency_min_us = 10;
  a.sketch.latency_max_us = 20;
  a.sketch.parts.add_values(std::vector<uint32_t>{10});
  a.sketch.parts.add_values(std::vector<uint32_t>{20});
  a.last_event = EventTime{500};
  a.last_latency_event = EventTime{400};
  Partial b;
  b.total.count = 1;
  b.last_event = EventTime{600};
  a.merge(b);
  EXPECT_EQ(a.total.count, 3U);
  EXPECT_EQ(a.sketch.latency_min_us, 10U);
  EXPECT_EQ(a.sketch.latency_max_us, 20U);
  SketchMerger merger;
  merger.add(a.sketch.parts);
  EXPECT_EQ(merger.take().count(), 2U);
  EXPECT_EQ(a.last_event, EventTime{600});
  EXPECT_EQ(a.last_latency_event, EventTime{400});
}

}  // namespace
}  // namespace tocsin
