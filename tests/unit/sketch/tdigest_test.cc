#include "operators/sketch/tdigest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "tests/unit/sketch/encoded.h"

namespace tocsin {
namespace {

// The k-th smallest for q = per_mille / 1000, with k in integers.
double exact_quantile(const std::map<double, uint64_t>& weights, uint64_t n, uint64_t per_mille) {
  const uint64_t k = std::max<uint64_t>(1, (per_mille * n + 999) / 1000);
  uint64_t below = 0;
  for (const auto& [value, weight] : weights) {
    below += weight;
    if (below >= k) return value;
  }
  ADD_FAILURE() << "rank " << k << " of " << n;
  return 0;
}

TEST(TDigest, EmptyIsZeroEverywhere) {
  const TDigest digest;
  EXPECT_TRUE(digest.empty());
  EXPECT_TRUE(digest.is_raw());
  EXPECT_EQ(digest.count(), 0U);
  EXPECT_EQ(digest.min(), 0);
  EXPECT_EQ(digest.max(), 0);
  EXPECT_EQ(digest.quantile(0.5), 0);
  EXPECT_TRUE(digest.clusters().marks.empty());
}

TEST(TDigest, RawIsSortedWithEqualValuesJoined) {
  TDigest digest;
  digest.add(30);
  digest.add(10, 5);
  digest.add(30, 2);
  digest.add_sorted(std::vector<uint32_t>{10, 20, 20});
  ASSERT_TRUE(digest.is_raw());
  EXPECT_THAT(digest.clusters().marks, testing::ElementsAre(Mark{10, 6}, Mark{20, 2}, Mark{30, 3}));
  EXPECT_EQ(digest.count(), 11U);
}

TEST(TDigest, RawQuantilesAreTheNearestRank) {
  std::mt19937_64 random(1);
  for (size_t size = 1; size <= TDigest::kRawLimit; ++size) {
    for (const uint64_t max_weight : {uint64_t{1}, uint64_t{9}, uint64_t{1} << 40}) {
      TDigest digest;
      std::map<double, uint64_t> weights;
      uint64_t n = 0;
      for (size_t i = 0; i < size; ++i) {
        const auto value = static_cast<double>(random() % 200);
        const uint64_t weight = 1 + random() % max_weight;
        digest.add(value, weight);
        weights[value] += weight;
        n += weight;
      }
      ASSERT_TRUE(digest.is_raw());
      ASSERT_EQ(digest.count(), n);
      for (uint64_t per_mille = 0; per_mille <= 1000; ++per_mille) {
        ASSERT_EQ(digest.quantile(static_cast<double>(per_mille) / 1000), exact_quantile(weights, n, per_mille)) << n << " " << per_mille;
      }
    }
  }
}

TEST(TDigest, ADecimalQuantileIsNotPushedUpByRounding) {
  TDigest digest;
  for (int i = 1; i <= 100; ++i) digest.add(i <= 7 ? 1 : 2);
  ASSERT_GT(0.07 * 100, 7.0);
  EXPECT_EQ(digest.quantile(0.07), 1);
  EXPECT_EQ(digest.quantile(0.08), 2);
}

TEST(TDigest, AFewDifferentValuesStayExactHoweverMany) {
  std::vector<uint32_t> values;
  for (uint32_t value = 0; value < 64; ++value) values.insert(values.end(), value == 63 ? 1 : 10'000, value);
  TDigest digest;
  digest.add_sorted(values);
  TDigest twice = digest;
  twice.merge(digest);
  ASSERT_TRUE(twice.is_raw());
  EXPECT_EQ(twice.clusters().marks.size(), 64U);
  EXPECT_EQ(twice.clusters().marks.back(), (Mark{63, 2}));
}

TEST(TDigest, The65thDifferentValueEndsTheRawState) {
  TDigest digest;
  for (int i = 0; i < 64; ++i) digest.add(i);
  EXPECT_TRUE(digest.is_raw());
  digest.add(63);
  EXPECT_TRUE(digest.is_raw());
  digest.add(64);
  EXPECT_FALSE(digest.is_raw());
  EXPECT_EQ(digest.quantile(0.5), 32);
}

TEST(TDigest, MinAndMaxAndCountAreExact) {
  std::mt19937_64 random(2);
  TDigest digest;
  double least = std::numeric_limits<double>::max();
  double greatest = -least;
  uint64_t n = 0;
  for (int i = 0; i < 50'000; ++i) {
    const double value = std::normal_distribution<double>(0, 1e6)(random);
    const uint64_t weight = 1 + random() % 3;
    digest.add(value, weight);
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    n += weight;
    if (i % 7919 == 0) {
      ASSERT_EQ(digest.min(), least);
      ASSERT_EQ(digest.max(), greatest);
      ASSERT_EQ(digest.quantile(0), least);
      ASSERT_EQ(digest.quantile(1), greatest);
      ASSERT_EQ(digest.count(), n);
    }
  }
}

TEST(TDigest, CountIsExactBeyondWhatADoubleHolds) {
  TDigest digest;
  uint64_t n = 0;
  for (uint64_t i = 0; i < 5000; ++i) {
    const uint64_t weight = (uint64_t{1} << 49) + i;
    digest.add(static_cast<double>(i * 7 % 5000), weight);
    n += weight;
  }
  EXPECT_EQ(digest.count(), n);
  const std::optional<TDigest> read = TDigest::decode(encoded(digest));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->count(), n);
}

TEST(TDigest, QuantilesAreMonotoneAndInRange) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    TDigest digest;
    for (int i = 0; i < 20'000; ++i) {
      const double magnitude = std::exp2(std::uniform_real_distribution<double>(-200, 200)(random));
      digest.add(round % 2 == 0 ? magnitude : magnitude * (random() % 2 == 0 ? 1 : -1), 1 + random() % 100);
    }
    double last = digest.min();
    for (int i = 0; i <= 10'000; ++i) {
      const double value = digest.quantile(i / 10'000.0);
      ASSERT_GE(value, last);
      ASSERT_LE(value, digest.max());
      last = value;
    }
  }
}

TEST(TDigest, TheWholeRangeOfDoublesIsFine) {
  constexpr double kMax = std::numeric_limits<double>::max();
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  TDigest digest;
  std::mt19937_64 random(4);
  for (int i = 0; i < 30'000; ++i) {
    switch (random() % 5) {
      case 0: digest.add(kMax); break;
      case 1: digest.add(-kMax); break;
      case 2: digest.add(kTiny * static_cast<double>(random() % 100)); break;
      case 3: digest.add(-0.0); break;
      default: digest.add(std::uniform_real_distribution<double>(-kMax / 2, kMax / 2)(random));
    }
  }
  for (int i = 0; i <= 1000; ++i) ASSERT_TRUE(std::isfinite(digest.quantile(i / 1000.0)));
  EXPECT_TRUE(TDigest::decode(encoded(digest)));
}

TEST(TDigest, MinusZeroIsZero) {
  TDigest one;
  one.add(-0.0, 2);
  one.add(-1);
  TDigest sorted;
  sorted.add_sorted(std::vector<double>{-1, -0.0, 0.0});
  EXPECT_FALSE(std::signbit(sorted.clusters().marks.back().value));
  EXPECT_EQ(encoded(one), encoded(sorted));
  EXPECT_TRUE(TDigest::decode(encoded(sorted)));
}

TEST(TDigest, AHeavyValueStaysExact) {
  std::mt19937_64 random(5);
  TDigest digest;
  for (int i = 0; i < 100'000; ++i) digest.add(i % 10 < 7 ? 1000 : static_cast<double>(random() % 1'000'000));
  EXPECT_EQ(digest.quantile(0.1), 1000);
  EXPECT_EQ(digest.quantile(0.5), 1000);
  EXPECT_EQ(digest.quantile(0.69), 1000);
}

TEST(TDigest, MergingWithItselfDoublesTheCount) {
  TDigest digest;
  for (int i = 0; i < 5000; ++i) digest.add(i);
  const double median = digest.quantile(0.5);
  digest.merge(digest);
  EXPECT_EQ(digest.count(), 10'000U);
  EXPECT_NEAR(digest.quantile(0.5), median, 5000 * 0.006);
}

TEST(TDigest, MergingAnEmptyOneChangesNothing) {
  TDigest digest;
  for (int i = 0; i < 5000; ++i) digest.add(i * 3);
  const std::string before = encoded(digest);
  digest.merge(TDigest());
  EXPECT_EQ(encoded(digest), before);
  TDigest empty;
  empty.merge(digest);
  EXPECT_EQ(encoded(empty), before);
}

TEST(TDigest, TheSameCallsGiveTheSameBytes) {
  const auto build = [](bool look) {
    std::mt19937_64 random(6);
    TDigest digest;
    for (int i = 0; i < 300; ++i) {
      TDigest part;
      std::vector<uint32_t> values(random() % 200);
      for (uint32_t& value : values) value = static_cast<uint32_t>(random() % 100'000);
      std::sort(values.begin(), values.end());
      part.add_sorted(values);
      part.add(static_cast<double>(random() % 1000), 3);
      digest.merge(part);
      if (look) static_cast<void>(part.quantile(0.5));
    }
    return encoded(digest);
  };
  EXPECT_EQ(build(false), build(false));
  EXPECT_EQ(build(false), build(true));
}

TEST(TDigestDeathTest, WhatIsNotFiniteOrHasNoWeightAborts) {
  TDigest digest;
  EXPECT_DEATH(digest.add(std::numeric_limits<double>::quiet_NaN()), "finite");
  EXPECT_DEATH(digest.add(std::numeric_limits<double>::infinity()), "finite");
  EXPECT_DEATH(digest.add(1, 0), "weight");
  EXPECT_DEATH(static_cast<void>(digest.quantile(1.1)), "quantile");
}

}  // namespace
}  // namespace tocsin
