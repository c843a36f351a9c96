#include "operators/partition_clock.h"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

constexpr Duration kAllowance{500};

TEST(PartitionClock, HasNoWatermarkBeforeTheFirstEvent) {
  const PartitionClock clock(kAllowance);
  EXPECT_FALSE(clock.has_watermark());
  EXPECT_EQ(clock.watermark(), EventTime::min());
  EXPECT_FALSE(clock.first_event());
  EXPECT_FALSE(clock.largest_event());
}

TEST(PartitionClock, TheWatermarkIsTheLargestEventLessTheAllowanceAndNeverFalls) {
  PartitionClock clock(kAllowance);
  clock.observe({10'000}, {});
  EXPECT_EQ(clock.watermark(), EventTime{9'500});
  clock.observe({7'000}, {});
  EXPECT_EQ(clock.watermark(), EventTime{9'500});
  clock.observe({10'001}, {});
  EXPECT_EQ(clock.watermark(), EventTime{9'501});
  EXPECT_EQ(clock.first_event(), EventTime{10'000});
  EXPECT_EQ(clock.largest_event(), EventTime{10'001});
}

TEST(PartitionClock, AnEventCountsTowardsTheWatermarkOnlyUpToItsAppendTime) {
  PartitionClock clock(kAllowance);
  clock.observe({90'000}, EventTime{20'000});
  EXPECT_EQ(clock.watermark(), EventTime{19'500});
  EXPECT_EQ(clock.largest_event(), EventTime{90'000});
  clock.observe({15'000}, EventTime{30'000});
  EXPECT_EQ(clock.watermark(), EventTime{19'500});
}

TEST(PartitionClock, AnIdlePartitionFollowsTheWallClockLessTheAllowance) {
  PartitionClock clock(kAllowance);
  clock.observe({10'000}, {});
  EXPECT_TRUE(clock.follow_wall_clock({20'000}));
  EXPECT_TRUE(clock.idle());
  EXPECT_EQ(clock.watermark(), EventTime{19'500});
  EXPECT_FALSE(clock.follow_wall_clock({20'000})) << "the second time nothing moves";
  EXPECT_FALSE(clock.follow_wall_clock({15'000}));
  EXPECT_EQ(clock.watermark(), EventTime{19'500});
}

TEST(PartitionClock, AnEventEndsIdlenessWithoutTakingTheWatermarkBack) {
  PartitionClock clock(kAllowance);
  EXPECT_TRUE(clock.follow_wall_clock({20'000}));
  clock.observe({12'000}, {});
  EXPECT_FALSE(clock.idle());
  EXPECT_EQ(clock.watermark(), EventTime{19'500});
  EXPECT_EQ(clock.first_event(), EventTime{12'000});
}

TEST(PartitionClock, WhatWasEncodedIsDecoded) {
  PartitionClock fresh(kAllowance);
  PartitionClock busy(kAllowance);
  busy.observe({1'700'000'000'123}, {});
  busy.observe({-5}, {});
  PartitionClock idle = busy;
  (void)idle.follow_wall_clock({1'800'000'000'000});
  for (const PartitionClock& clock : {fresh, busy, idle}) {
    const std::string text = clock.encode();
    EXPECT_LT(text.size(), 100U);
    const std::optional<PartitionClock> decoded = PartitionClock::decode(text, kAllowance);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(decoded->encode(), text);
    EXPECT_EQ(decoded->watermark(), clock.watermark());
    EXPECT_EQ(decoded->first_event(), clock.first_event());
    EXPECT_EQ(decoded->largest_event(), clock.largest_event());
    EXPECT_EQ(decoded->idle(), clock.idle());
  }
}

TEST(PartitionClock, ADecodedClockGoesOnWithTheGivenAllowance) {
  PartitionClock clock(kAllowance);
  clock.observe({10'000}, {});
  std::optional<PartitionClock> decoded = PartitionClock::decode(clock.encode(), Duration{100});
  ASSERT_TRUE(decoded);
  decoded->observe({10'000}, {});
  EXPECT_EQ(decoded->watermark(), EventTime{9'900});
}

TEST(PartitionClock, TextOfOthersIsRefused) {
  for (const char* text : {"", " ", "t1", "t1 1 2 3", "t1 1 2 3 2", "t1 1 2 3 0 ", "t1  2 3 0", "t2 1 2 3 0", "t1 x 2 3 0", "t1 1x 2 3 0",
                           "t1 1 2 99999999999999999999 0", "t1 1 2 3 4 5", "offset 12"}) {
    EXPECT_FALSE(PartitionClock::decode(text, kAllowance)) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace tocsin
