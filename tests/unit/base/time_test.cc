#include "engine/base/time.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <type_traits>

#include "engine/base/clock.h"
#include "engine/base/instant.h"

namespace tocsin {
namespace {

static_assert(!std::is_convertible_v<EventTime, WallTime> && !std::is_constructible_v<EventTime, WallTime>);

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

std::optional<int64_t> ms_of(std::string_view text) {
  const std::optional<Duration> parsed = parse_duration(text);
  return parsed ? std::optional(parsed->ms) : std::nullopt;
}

TEST(Time, FloorAndCeilRoundDownAndUpBelowZeroToo) {
  const Duration step{250};
  EXPECT_EQ(floor_to(EventTime{251}, step).ms, 250);
  EXPECT_EQ(floor_to(EventTime{250}, step).ms, 250);
  EXPECT_EQ(floor_to(EventTime{-1}, step).ms, -250);
  EXPECT_EQ(floor_to(EventTime{-250}, step).ms, -250);
  EXPECT_EQ(ceil_to(EventTime{251}, step).ms, 500);
  EXPECT_EQ(ceil_to(EventTime{250}, step).ms, 250);
  EXPECT_EQ(ceil_to(EventTime{-1}, step).ms, 0);
  EXPECT_EQ(next_multiple(EventTime{250}, step).ms, 500);
  EXPECT_EQ(next_multiple(EventTime{-1}, step).ms, 0);
}

TEST(Time, TheEndsOfTimeLeaveRoomForADuration) {
  EXPECT_GT(EventTime::max() + Duration{kMaxInt64 / 2}, EventTime::max());
  EXPECT_LT(EventTime::min() - Duration{kMaxInt64 / 2}, EventTime::min());
}

TEST(Clock, AWaitIsOverWhenItsTimeHasPassedOrTheClockWasSetBackBehindItsBeginning) {
  EXPECT_FALSE(has_passed(Duration{10}, WallTime{100}, WallTime{100}));
  EXPECT_FALSE(has_passed(Duration{10}, WallTime{100}, WallTime{109}));
  EXPECT_TRUE(has_passed(Duration{10}, WallTime{100}, WallTime{110}));
  EXPECT_TRUE(has_passed(Duration{10}, WallTime{100}, WallTime{99}));
}

TEST(Rfc3339, IsWrittenWithMillisecondsInUtc) {
  EXPECT_EQ(format_rfc3339(1769846400250), "2026-01-31T08:00:00.250Z");
  EXPECT_EQ(format_rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(-62167219200000), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(253402300799999), "9999-12-31T23:59:59.999Z");
}

TEST(Rfc3339, OffsetsAreTakenAway) {
  EXPECT_EQ(parse_rfc3339("2026-01-31T08:00:00.250Z"), 1769846400250);
  EXPECT_EQ(parse_rfc3339("2026-01-31T09:00:00.250+01:00"), 1769846400250);
  EXPECT_EQ(parse_rfc3339("2026-01-31T13:30:00.25+05:30"), 1769846400250);
  EXPECT_EQ(parse_rfc3339("2026-01-30T22:15:00.250-09:45"), 1769846400250);
  EXPECT_EQ(parse_rfc3339("2026-01-31T08:00:00.250-00:00"), 1769846400250);
  EXPECT_EQ(parse_rfc3339("2026-01-31t08:00:00.250z"), 1769846400250);
}

TEST(Rfc3339, DigitsBeyondMillisecondsAreCutOff) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.0019999Z"), 1);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.9999999999999999999999999Z"), 999);
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:59:59.9999Z"), -1);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01.5Z"), 1500);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01Z"), 1000);
}

TEST(Rfc3339, ALeapSecondIsTheLastMillisecondBeforeIt) {
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), 1483228799999);
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60.5Z"), 1483228799999);
  EXPECT_EQ(parse_rfc3339("1990-12-31T15:59:60-08:00"), parse_rfc3339("1990-12-31T23:59:59.999Z"));
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:58:60Z"), std::nullopt);
  EXPECT_EQ(parse_rfc3339("2016-12-30T23:59:60Z"), std::nullopt);
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60+01:00"), std::nullopt);
}

TEST(Rfc3339, TheCalendarIsKnown) {
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), 1709164800000);
  EXPECT_EQ(parse_rfc3339("2000-02-29T00:00:00Z"), 951782400000);
  EXPECT_EQ(parse_rfc3339("0000-01-01T00:00:00Z"), -62167219200000);
  for (const char* text : {"2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-04-31T00:00:00Z", "2023-00-10T00:00:00Z",
                           "2023-13-10T00:00:00Z", "2023-01-00T00:00:00Z", "2023-01-32T00:00:00Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, WhatIsNoDateTimeIsRefused) {
  for (const char* text : {"",
                           "2026",
                           "2026-01-31",
                           "2026-01-31T08:00:00",
                           "2026-01-31T08:00Z",
                           "2026-01-31T08:00:00.Z",
                           "2026-01-31T24:00:00Z",
                           "2026-01-31T08:60:00Z",
                           "2026-01-31T08:00:61Z",
                           "2026-01-31T08:00:00+0100",
                           "2026-01-31T08:00:00+24:00",
                           "2026-01-31T08:00:00+01:60",
                           "2026-01-31T08:00:00+01",
                           "2026-01-31 08:00:00Z",
                           " 2026-01-31T08:00:00Z",
                           "2026-01-31T08:00:00Z ",
                           "2026-1-31T08:00:00Z",
                           "20260131T080000Z",
                           "-2026-01-31T08:00:00Z",
                           "2026-01-31T08:00:00,5Z",
                           "2026-01-31T+8:00:00Z",
                           "1769846400250",
                           "0000-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> any(-62167219200000, 253402300799999);
  for (int i = 0; i < 100'000; ++i) {
    const int64_t ms = any(random);
    ASSERT_EQ(parse_rfc3339(format_rfc3339(ms)), ms);
  }
}

TEST(Duration, IsReadInEveryUnit) {
  EXPECT_EQ(ms_of("0"), 0);
  EXPECT_EQ(ms_of("0s"), 0);
  EXPECT_EQ(ms_of("250ms"), 250);
  EXPECT_EQ(ms_of("90s"), 90'000);
  EXPECT_EQ(ms_of("5m"), 300'000);
  EXPECT_EQ(ms_of("2h"), 7'200'000);
  EXPECT_EQ(ms_of("30d"), 2'592'000'000);
  EXPECT_EQ(ms_of("1w"), 604'800'000);
  EXPECT_EQ(ms_of("1h30m"), 5'400'000);
  EXPECT_EQ(ms_of("1w2d3h4m5s6ms"), 788'645'006);
}

TEST(Duration, FractionsAreExact) {
  EXPECT_EQ(ms_of("1.5s"), 1500);
  EXPECT_EQ(ms_of("0.001s"), 1);
  EXPECT_EQ(ms_of("1.15h"), 4'140'000);
  EXPECT_EQ(ms_of("1h0.5m"), 3'630'000);
  EXPECT_EQ(ms_of("1.500000000000000000000000000s"), 1500);
  EXPECT_EQ(ms_of("0.0000000000w"), 0);
  EXPECT_EQ(ms_of("0.0005s0.5ms"), 1);
  EXPECT_EQ(ms_of("9007199254740.993s"), 9007199254740993);
}

TEST(Duration, WhatIsNoWholeNumberOfMillisecondsIsRefused) {
  for (const char* text : {"0.5ms", "0.0001s", "1.0000000000000000001s", "0.3333333333s"}) EXPECT_EQ(ms_of(text), std::nullopt) << text;
}

TEST(Duration, WhatIsNoDurationIsRefused) {
  for (const char* text : {"",   "1",   "00",   "s",     "1.s",  ".5s",  "1..5s", "-1s",   "+1s",  "1 s",  " 1s",  "1s ",  "1S",
                           "1y", "1us", "1sec", "30m1h", "1s1s", "1m1m", "1s2",   "1ms1s", "1e3s", "1,5s", "0x1s", "1h30", "1.5.5s"}) {
    EXPECT_EQ(ms_of(text), std::nullopt) << text;
  }
}

TEST(Duration, WhatOverflowsIsRefused) {
  EXPECT_EQ(ms_of("9223372036854775807ms"), kMaxInt64);
  EXPECT_EQ(ms_of("9223372036854775.807s"), kMaxInt64);
  EXPECT_EQ(ms_of("9223372036854775s807ms"), kMaxInt64);
  for (const char* text : {"9223372036854775808ms", "9223372036854775s808ms", "9223372036854775.808s",
                           "99999999999999999999999999999999999w", "15250284453w", "340282366920938463463374607431768211457ms"}) {
    EXPECT_EQ(ms_of(text), std::nullopt) << text;
  }
}

TEST(Instants, AreRfc3339OrUnixMilliseconds) {
  EXPECT_EQ(parse_instant("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(parse_instant("-5"), -5);
  for (const char* text : {"", "1s", " 1", "1.5", "9223372036854775807", "99999999999999999999"}) EXPECT_FALSE(parse_instant(text)) << text;
}

TEST(Instants, LieInYearsThatCanBeWrittenAgain) {
  for (const int64_t ms : {-62167219200000, 253402300799999}) {
    EXPECT_EQ(parse_instant(std::to_string(ms)), ms);
    EXPECT_EQ(parse_instant(format_rfc3339(ms)), ms);
  }
  EXPECT_EQ(parse_instant("-62167219200001"), std::nullopt);
  EXPECT_EQ(parse_instant("253402300800000"), std::nullopt);
}

TEST(Duration, CanonicalTextNamesEveryPart) {
  EXPECT_EQ(format_duration(Duration{0}), "0s");
  EXPECT_EQ(format_duration(Duration{250}), "250ms");
  EXPECT_EQ(format_duration(Duration{1500}), "1s500ms");
  EXPECT_EQ(format_duration(Duration{90'000}), "1m30s");
  EXPECT_EQ(format_duration(Duration{5'400'000}), "1h30m");
  EXPECT_EQ(format_duration(Duration{2'592'000'000}), "30d");
  EXPECT_EQ(format_duration(Duration{604'800'000}), "1w");
  EXPECT_EQ(format_duration(Duration{691'200'000}), "8d");
}

TEST(Duration, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    const int64_t ms = static_cast<int64_t>(random() >> (1 + i % 63));
    ASSERT_EQ(ms_of(format_duration(Duration{ms})), ms);
  }
  EXPECT_EQ(ms_of(format_duration(Duration{kMaxInt64})), kMaxInt64);
}

TEST(DurationDeathTest, ANegativeLengthHasNoText) { EXPECT_DEATH(format_duration(Duration{-1}), "not negative"); }

}  // namespace
}  // namespace tocsin
