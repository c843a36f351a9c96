// The promise of SPEC 3.1, for every q and any input: rank error at most (0.02 q (1 - q) + 0.001) n + 1.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "operators/sketch/sort.h"
#include "operators/sketch/tdigest.h"
#include "tests/unit/sketch/encoded.h"

namespace tocsin {
namespace {

using Values = std::vector<double>;

struct Distribution {
  const char* name;
  std::function<double(std::mt19937_64&)> draw;
};

double uniform(std::mt19937_64& random) { return std::uniform_real_distribution<double>(0, 1)(random); }

// Sums of digits of rapidly falling size: gaps in gaps in gaps, so that no interpolation fits.
double fractal(std::mt19937_64& random) {
  double value = 0;
  double digit = 1e15;
  for (int i = 0; i < 20; ++i, digit /= 10) value += uniform(random) < 0.7 ? digit : 0;
  return value;
}

double two_modes(std::mt19937_64& random, double share_of_low, double high) {
  const bool low = uniform(random) < share_of_low;
  return std::floor(low ? uniform(random) * 1000 : high * (1 + uniform(random) / 1000));
}

const std::vector<Distribution>& distributions() {
  static const std::vector<Distribution> all = {
      {"uniform", [](auto& random) { return std::floor(uniform(random) * 1e6); }},
      {"lognormal", [](auto& random) { return std::floor(1000 * std::exp(std::normal_distribution<double>(3, 1)(random))); }},
      {"97 % fast, 3 % slow", [](auto& random) { return two_modes(random, 0.97, 1e9); }},
      {"two equal modes", [](auto& random) { return two_modes(random, 0.5, 1e12); }},
      {"240 octaves", [](auto& random) { return std::exp2(uniform(random) * 240 - 120); }},
      {"fractal", [](auto& random) { return fractal(random); }},
      {"few values", [](auto& random) { return std::floor(std::exp(std::normal_distribution<double>(0, 3)(random))); }},
      {"both signs", [](auto& random) { return std::normal_distribution<double>(0, 1e9)(random); }},
      {"constant", [](auto&) { return 12345.0; }},
  };
  return all;
}

// By std::sort: what the digest is held against must not hang on the engine's own sort.
Values sorted(Values values) {
  std::sort(values.begin(), values.end());
  return values;
}

Values zigzag(const Values& sorted) {
  Values result;
  result.reserve(sorted.size());
  for (size_t low = 0, high = sorted.size(); low < high;) {
    result.push_back(sorted[--high]);
    if (low < high) result.push_back(sorted[low++]);
  }
  return result;
}

// Whole stretches of the range one after the other, in random order.
Values stretches(const Values& sorted, std::mt19937_64& random) {
  std::vector<size_t> starts;
  const size_t length = sorted.size() / 20 + 1;
  for (size_t i = 0; i < sorted.size(); i += length) starts.push_back(i);
  std::shuffle(starts.begin(), starts.end(), random);
  Values result;
  result.reserve(sorted.size());
  for (const size_t start : starts) {
    for (size_t i = start; i < std::min(start + length, sorted.size()); ++i) result.push_back(sorted[i]);
  }
  return result;
}

// The outer halves first, towards the middle in ever smaller blocks.
Values inwards(const Values& sorted) {
  Values result;
  result.reserve(sorted.size());
  size_t low = 0;
  size_t high = sorted.size();
  while (high - low >= 8) {
    const size_t quarter = (high - low) / 4;
    for (size_t i = 0; i < quarter; ++i) result.push_back(sorted[low + i]);
    for (size_t i = 0; i < quarter; ++i) result.push_back(sorted[high - quarter + i]);
    low += quarter;
    high -= quarter;
  }
  while (low < high) result.push_back(sorted[low++]);
  return result;
}

std::vector<std::pair<const char*, Values>> orders(const Values& drawn, const Values& sorted, std::mt19937_64& random) {
  Values outwards = zigzag(sorted);
  std::reverse(outwards.begin(), outwards.end());
  return {{"as drawn", drawn},
          {"ascending", sorted},
          {"descending", Values(sorted.rbegin(), sorted.rend())},
          {"zigzag", zigzag(sorted)},
          {"outwards", outwards},
          {"inwards", inwards(sorted)},
          {"in stretches", stretches(sorted, random)}};
}

Values tested_quantiles() {
  Values quantiles = {0, 1};
  for (int i = 1; i < 1000; ++i) quantiles.push_back(i / 1000.0);
  for (double q = 1e-6; q < 0.05; q *= 1.2) quantiles.insert(quantiles.end(), {q, 1 - q});
  return quantiles;
}

// The greatest rank error over many q among all values, as a part of what is promised.
double worst_part_of_promise(const TDigest& digest, const Values& sorted) {
  static const Values quantiles = tested_quantiles();
  const auto n = static_cast<double>(sorted.size());
  double worst = 0;
  for (const double q : quantiles) {
    const double value = digest.quantile(q);
    const double rank = std::clamp(std::ceil(q * n * (1 - 0x1p-50)), 1.0, n);
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    const auto below = static_cast<double>(first - sorted.begin());
    const auto with = static_cast<double>(last - sorted.begin());
    const double error = std::max({0.0, below + 1 - rank, rank - with});
    worst = std::max(worst, error / ((0.02 * q * (1 - q) + 0.001) * n + 1));
  }
  return worst;
}

TDigest leaf(std::span<const double> values) {
  Values buffer(values.begin(), values.end());
  std::sort(buffer.begin(), buffer.end());
  TDigest digest;
  digest.add_sorted(buffer);
  return digest;
}

std::vector<TDigest> leaves(const Values& values, size_t size) {
  std::vector<TDigest> result;
  result.reserve(values.size() / size + 1);
  for (size_t i = 0; i < values.size(); i += size) result.push_back(leaf(std::span(values).subspan(i, std::min(size, values.size() - i))));
  return result;
}

TDigest one_by_one(const Values& values) {
  TDigest digest;
  for (const double value : values) digest.add(value);
  return digest;
}

TDigest in_a_chain(const std::vector<TDigest>& leaves) {
  TDigest digest;
  for (const TDigest& part : leaves) digest.merge(part);
  return digest;
}

TDigest buffer_by_buffer(const Values& values, size_t size) { return in_a_chain(leaves(values, size)); }

TDigest stored_and_read(const TDigest& digest) { return TDigest::decode(encoded(digest)).value(); }

// As panes roll up: `fan` digests make one, which is stored.
TDigest in_a_tree(std::vector<TDigest> level, size_t fan) {
  while (level.size() > 1) {
    std::vector<TDigest> above;
    above.reserve(level.size() / fan + 1);
    for (size_t i = 0; i < level.size(); i += fan) {
      TDigest sum;
      for (size_t j = i; j < std::min(i + fan, level.size()); ++j) sum.merge(level[j]);
      above.push_back(stored_and_read(sum));
    }
    level = std::move(above);
  }
  return level.front();
}

TDigest in_any_pairs(std::vector<TDigest> digests, std::mt19937_64& random) {
  while (digests.size() > 1) {
    std::swap(digests[random() % digests.size()], digests.back());
    const TDigest taken = std::move(digests.back());
    digests.pop_back();
    digests[random() % digests.size()].merge(taken);
  }
  return digests.front();
}

std::vector<std::pair<std::string, TDigest>> all_ways(const Values& values, std::mt19937_64& random) {
  std::vector<std::pair<std::string, TDigest>> result = {{"one by one", one_by_one(values)}, {"at once", leaf(values)}};
  for (const size_t size : {size_t{50}, size_t{500}, size_t{2048}, size_t{20'000}}) {
    const std::string by = " by " + std::to_string(size);
    const std::vector<TDigest> parts = leaves(values, size);
    result.emplace_back("chain" + by, in_a_chain(parts));
    result.emplace_back("tree of 2" + by, in_a_tree(parts, 2));
    result.emplace_back("tree of 12" + by, in_a_tree(parts, 12));
    result.emplace_back("any pairs" + by, in_any_pairs(parts, random));
  }
  return result;
}

class TDigestAccuracy : public testing::TestWithParam<size_t> {};

TEST_P(TDigestAccuracy, HoldsForAnyDistributionOrderAndWayOfMerging) {
  std::mt19937_64 random(GetParam());
  for (const Distribution& distribution : distributions()) {
    Values drawn(GetParam());
    for (double& value : drawn) value = distribution.draw(random);
    const Values ascending = sorted(drawn);
    for (const auto& [order, values] : orders(drawn, ascending, random)) {
      for (const auto& [way, digest] : all_ways(values, random)) {
        ASSERT_EQ(digest.count(), values.size());
        EXPECT_LE(worst_part_of_promise(digest, ascending), 1.0) << distribution.name << ", " << order << ", " << way;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, TDigestAccuracy, testing::Values(1, 2, 63, 64, 65, 100, 1000, 30'000), testing::PrintToStringParamName());

// One distribution a test, so that each stays short under sanitizers too. Parameters: how many values, and which distribution.
class TDigestAccuracyAtScale : public testing::TestWithParam<std::tuple<size_t, size_t>> {
 protected:
  void expect_promise_kept(const char* order, const Values& values, double chain_part_max = 1.0) const {
    const std::vector<TDigest> parts = leaves(values, 2048);
    expect_at_most(chain_part_max, in_a_chain(parts), order, "chain");
    expect_at_most(1.0, in_a_tree(parts, 4), order, "tree of 4");
  }

  size_t count() const { return std::get<0>(GetParam()); }
  size_t which() const { return std::get<1>(GetParam()); }
  const Distribution& distribution() const { return distributions().at(which()); }

  Values ascending_;

 private:
  void expect_at_most(double part_max, const TDigest& digest, const char* order, const char* way) const {
    EXPECT_EQ(digest.count(), count()) << order << ", " << way;
    EXPECT_LE(worst_part_of_promise(digest, ascending_), part_max) << distribution().name << ", " << order << ", " << way;
  }
};

// One array of all values in turn beside the ascending one: at ten million each takes 80 MB.
TEST_P(TDigestAccuracyAtScale, HoldsInAnyOrderAndWayOfMerging) {
  std::mt19937_64 random(count() + which());
  Values values(count());
  for (double& value : values) value = distribution().draw(random);
  ascending_ = sorted(values);
  expect_promise_kept("as drawn", values, 0.5);
  expect_promise_kept("ascending", ascending_);
  values.assign(ascending_.rbegin(), ascending_.rend());
  expect_promise_kept("descending", values);
  expect_promise_kept("zigzag", zigzag(ascending_));
  if (count() <= 1'000'000) expect_promise_kept("inwards", inwards(ascending_));
}

INSTANTIATE_TEST_SUITE_P(Sizes, TDigestAccuracyAtScale,
                         testing::Combine(testing::Values(100'000, 1'000'000, 10'000'000),
                                          testing::Range(size_t{0}, distributions().size())),
                         [](const auto& test) {
                           return std::to_string(std::get<0>(test.param)) + "_" + std::to_string(std::get<1>(test.param));
                         });

TEST(TDigestAccuracyOfIntegers, TenMillionValues) {
  std::mt19937_64 random(12);
  TDigest digest;
  Values all;
  all.reserve(10'000'000 + 4096);
  std::vector<uint32_t> buffer(4096);
  while (all.size() < 10'000'000) {
    for (uint32_t& value : buffer) value = static_cast<uint32_t>(random() >> (33 + random() % 16));
    all.insert(all.end(), buffer.begin(), buffer.end());
    sort_ascending(std::span<uint32_t>(buffer));
    digest.add_sorted(buffer);
  }
  EXPECT_LE(worst_part_of_promise(digest, sorted(std::move(all))), 0.5);
}

TEST(TDigestAccuracyOfWeights, HoldsForLightAndHeavyWeights) {
  std::mt19937_64 random(13);
  for (const Distribution& distribution : distributions()) {
    for (const bool heavy_first : {false, true}) {
      std::vector<std::pair<double, uint64_t>> entries(20'000);
      for (auto& [value, weight] : entries) {
        value = distribution.draw(random);
        weight = uniform(random) < 0.001 ? 1000 : 1 + random() % 10;
      }
      if (heavy_first) std::ranges::sort(entries, [](const auto& a, const auto& b) { return a.second > b.second; });
      TDigest one;
      std::vector<TDigest> parts(100);
      Values expanded;
      for (size_t i = 0; i < entries.size(); ++i) {
        one.add(entries[i].first, entries[i].second);
        parts[i % parts.size()].add(entries[i].first, entries[i].second);
        expanded.insert(expanded.end(), entries[i].second, entries[i].first);
      }
      const Values ascending = sorted(std::move(expanded));
      EXPECT_LE(worst_part_of_promise(one, ascending), 1.0) << distribution.name;
      EXPECT_LE(worst_part_of_promise(in_a_chain(parts), ascending), 1.0) << distribution.name;
    }
  }
}

TEST(TDigestAccuracyOfSizes, AnEncodingStaysSmallForAnyInput) {
  std::mt19937_64 random(14);
  for (const Distribution& distribution : distributions()) {
    TDigest digest;
    for (int i = 0; i < 200'000; ++i) digest.add(distribution.draw(random), i % 2 == 0 ? 1 : 400 + random() % 400);
    const std::string bytes = encoded(digest);
    EXPECT_LE(bytes.size(), 24'000U) << distribution.name;
    EXPECT_TRUE(TDigest::decode(bytes)) << distribution.name;
  }
}

TEST(TDigestAccuracyOfTails, ATenthOfAPercentIsFineGrained) {
  // Latencies as they are: far closer than the promise.
  std::mt19937_64 random(15);
  Values values(1'000'000);
  for (double& value : values) value = distributions()[1].draw(random);
  const TDigest digest = buffer_by_buffer(values, 2048);
  std::sort(values.begin(), values.end());
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999}) {
    const double value = digest.quantile(q);
    const auto rank = static_cast<double>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
    EXPECT_NEAR(rank / 1e6, q, 0.05 * (0.02 * q * (1 - q) + 0.001)) << q;
    EXPECT_NEAR(value / values[static_cast<size_t>(q * 1e6)], 1, 0.005) << q;
  }
}

}  // namespace
}  // namespace tocsin
