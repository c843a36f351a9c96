// A quantile of a digest and of values beside it.

#include "operators/sketch/window_sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "operators/sketch/sort.h"

namespace tocsin {
namespace {

using Values = std::vector<uint32_t>;

Values lognormal(std::mt19937_64& random, size_t count, double median, double sigma) {
  Values values(count);
  for (uint32_t& value : values) {
    value = static_cast<uint32_t>(median * std::exp(std::normal_distribution<double>(0, sigma)(random)));
  }
  std::sort(values.begin(), values.end());
  return values;
}

TDigest digest_of(const Values& values) {
  TDigest digest;
  digest.add_sorted(std::span<const uint32_t>(values));
  return digest;
}

std::vector<double> quantiles() {
  std::vector<double> all{0, 1, 0.001, 0.999, 0.9999};
  for (int i = 1; i < 200; ++i) all.push_back(i / 200.0);
  std::sort(all.begin(), all.end());
  return all;
}

// Every value that a digest stands for, one by one.
std::vector<double> written_out(const TDigest& digest) {
  const Clusters& clusters = digest.clusters();
  std::vector<double> values;
  for (size_t i = 0; i < clusters.marks.size(); ++i) {
    for (uint64_t rank = 1; rank <= clusters.gap(i); ++rank) values.push_back(value_in_gap(clusters, i, rank));
    values.insert(values.end(), clusters.marks[i].weight, clusters.marks[i].value);
  }
  return values;
}

TEST(WindowSketch, AQuantileIsThatOfAllValuesWrittenOut) {
  std::mt19937_64 random(1);
  for (const size_t of_digest : {1U, 10U, 64U, 65U, 2'000U, 100'000U}) {
    const TDigest digest = digest_of(lognormal(random, of_digest, 60'000, 1));
    for (const size_t beside : {0U, 1U, 3U, 100U, 5'000U}) {
      for (const double median : {1.0, 60'000.0, 3'000'000.0}) {
        const WindowSketch sketch = WindowSketch::of(digest, lognormal(random, beside, median, 0.5));
        std::vector<double> all = written_out(digest);
        all.insert(all.end(), sketch.values.begin(), sketch.values.end());
        std::sort(all.begin(), all.end());
        ASSERT_EQ(sketch.count(), all.size());
        for (const double q : quantiles()) {
          ASSERT_EQ(sketch.quantile(q), all[nearest_rank(q, all.size()) - 1])
              << of_digest << " in the digest, " << beside << " beside it around " << median << ", quantile " << q;
        }
      }
    }
  }
}

// Of the rank error that SPEC 3.1 allows, the greatest part over many quantiles.
double worst_part_of_promise(const WindowSketch& sketch, const Values& sorted) {
  const auto n = static_cast<double>(sorted.size());
  double worst = 0;
  for (const double q : quantiles()) {
    const double value = sketch.quantile(q);
    const auto rank = static_cast<double>(nearest_rank(q, sorted.size()));
    const auto below = static_cast<double>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
    const auto with = static_cast<double>(std::upper_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
    worst = std::max(worst, std::max({0.0, below + 1 - rank, rank - with}) / ((0.02 * q * (1 - q) + 0.001) * n + 1));
  }
  return worst;
}

TEST(WindowSketch, ItIsAsAccurateAsADigestWhateverLiesBesideIt) {
  std::mt19937_64 random(2);
  for (const size_t beside : {10U, 1'000U, 30'000U}) {
    for (const double median : {100.0, 60'000.0, 10'000'000.0}) {
      for (const double sigma : {0.01, 1.0}) {
        Values all = lognormal(random, 50'000, 60'000, 1);
        const Values others = lognormal(random, beside, median, sigma);
        const WindowSketch sketch = WindowSketch::of(digest_of(all), others);
        all.insert(all.end(), others.begin(), others.end());
        std::sort(all.begin(), all.end());
        EXPECT_LT(worst_part_of_promise(sketch, all), 0.5) << beside << " around " << median << ", sigma " << sigma;
      }
    }
  }
}

TEST(WindowSketch, WithoutADigestItIsExact) {
  const WindowSketch sketch = WindowSketch::of({}, {30, 10, 20, 40});
  EXPECT_EQ(sketch.digest, nullptr);
  EXPECT_EQ(sketch.quantile(0), 10);
  EXPECT_EQ(sketch.quantile(0.5), 20);
  EXPECT_EQ(sketch.quantile(0.51), 30);
  EXPECT_EQ(sketch.quantile(1), 40);
  EXPECT_EQ(WindowSketch().quantile(0.5), 0);
}

TEST(WindowSketch, OneDigestIsSharedAndSeveralAreMerged) {
  std::mt19937_64 random(3);
  WindowSketch one = WindowSketch::of(digest_of(lognormal(random, 10'000, 1'000, 1)), {7});
  one.latency_min_us = 7;
  one.latency_max_us = 90'000;
  WindowSketch values = WindowSketch::of({}, {9, 5});
  values.latency_min_us = 5;
  values.latency_max_us = 9;
  const WindowSketch two = WindowSketch::merged({&values, &one});
  EXPECT_EQ(two.digest, one.digest);
  EXPECT_EQ(two.values, (Values{5, 7, 9}));
  EXPECT_EQ(two.latency_min_us, 5U);
  EXPECT_EQ(two.latency_max_us, 90'000U);
  const WindowSketch three = WindowSketch::merged({&one, &values, &one});
  EXPECT_EQ(three.count(), 20'004U);
  EXPECT_EQ(one.digest->digest().count(), 10'000U);
}

TEST(WindowSketch, ManyValuesAreFoldedIntoTheDigest) {
  std::mt19937_64 random(4);
  const Values values = lognormal(random, 1'000, 60'000, 1);
  WindowSketch sketch = WindowSketch::of(digest_of(values), values);
  sketch.fold_beyond(1'000);
  EXPECT_EQ(sketch.values.size(), 1'000U);
  sketch.fold_beyond(999);
  EXPECT_TRUE(sketch.values.empty());
  EXPECT_EQ(sketch.count(), 2'000U);
  EXPECT_EQ(sketch.quantile(1), values.back());
}

}  // namespace
}  // namespace tocsin
