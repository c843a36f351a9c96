#include "operators/sketch/sketch_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/unit/sketch/encoded.h"

namespace tocsin {
namespace {

std::vector<uint32_t> lognormal(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::lognormal_distribution<double> latency(std::log(60'000), 0.9);
  std::vector<uint32_t> values;
  values.reserve(size);
  for (size_t i = 0; i < size; ++i) values.push_back(static_cast<uint32_t>(latency(random)));
  std::sort(values.begin(), values.end());
  return values;
}

TDigest put_together(const SketchParts& parts) {
  SketchMerger merger;
  merger.add(parts);
  return merger.take();
}

TDigest digest_of(const std::vector<uint32_t>& values) {
  TDigest digest;
  digest.add_sorted(std::span<const uint32_t>(values));
  return digest;
}

TEST(SketchParts, ListsOfValuesPutTogetherAreTheDigestOfAllValues) {
  const std::vector<uint32_t> all = lognormal(5'000, 1);
  SketchParts parts;
  for (size_t lane = 0; lane < 50; ++lane) {  // every list spans the whole range
    std::vector<uint32_t> part;
    for (size_t i = lane; i < all.size(); i += 50) part.push_back(all[i]);
    parts.add_values(part);
  }
  EXPECT_EQ(encoded(put_together(parts)), encoded(digest_of(all)));
  EXPECT_LT(parts.bytes().size(), 3 * all.size());
}

TEST(SketchParts, TheExtremesOfAListAreKept) {
  const std::vector<uint32_t> values = {0, 0, 127, 128, 16'383, 16'384, UINT32_MAX, UINT32_MAX};
  SketchParts parts;
  parts.add_values(values);
  const TDigest digest = put_together(*SketchParts::from_bytes(parts.bytes()));
  EXPECT_EQ(digest.count(), values.size());
  EXPECT_EQ(digest.min(), 0);
  EXPECT_EQ(digest.max(), UINT32_MAX);
  EXPECT_EQ(digest.quantile(0.5), 128);
}

TEST(SketchParts, ListsAndDigestsMix) {
  SketchParts parts;
  TDigest weighted;
  weighted.add(7'000'000'000, 3);  // beyond 32 bits
  parts.add_digest(weighted);
  parts.add_values(std::vector<uint32_t>{1, 2});
  const TDigest digest = put_together(parts);
  EXPECT_EQ(digest.count(), 5U);
  EXPECT_EQ(digest.quantile(0.4), 2);
  EXPECT_EQ(digest.max(), 7'000'000'000);
}

TEST(SketchParts, CompactingLeavesShortOnesAsTheyAre) {
  SketchParts parts;
  parts.add_values(std::vector<uint32_t>{5});
  parts.add_values(std::vector<uint32_t>{3});
  const std::string before = parts.bytes();
  parts.compact_beyond(before.size());
  EXPECT_EQ(parts.bytes(), before);
}

TEST(SketchParts, CompactingFewValuesListsThemInOrder) {
  SketchParts parts;
  for (const uint32_t value : {5U, 3U, 9U}) parts.add_values(std::vector<uint32_t>{value});
  parts.compact_beyond(0);
  SketchParts sorted;
  sorted.add_values(std::vector<uint32_t>{3, 5, 9});
  EXPECT_EQ(parts.bytes(), sorted.bytes());
  SketchParts nothing;
  nothing.compact_beyond(0);
  EXPECT_TRUE(nothing.empty());
}

TEST(SketchMerger, GivesListsInOrderOfTheirValuesIfTheyAreShort) {
  SketchParts parts;
  for (const uint32_t value : {70'000U, 5U, 300U}) parts.add_values(std::vector<uint32_t>{value});
  SketchMerger merger;
  merger.add(parts);
  SketchParts sorted;
  sorted.add_values(std::vector<uint32_t>{5, 300, 70'000});
  EXPECT_EQ(merger.take_parts(100).bytes(), sorted.bytes());
  EXPECT_TRUE(merger.take().empty());
}

TEST(SketchMerger, GivesAsManyListsAsTheValuesNeed) {
  const std::vector<uint32_t> all = lognormal(1'500, 6);
  SketchMerger merger;
  for (size_t from = 0; from < all.size(); from += 500) {
    SketchParts parts;
    parts.add_values(std::span(all).subspan(from, 500));
    merger.add(parts);
  }
  const SketchParts kept = merger.take_parts(8 << 10);
  ASSERT_TRUE(SketchParts::from_bytes(kept.bytes()));
  merger.add(kept);
  EXPECT_EQ(merger.take_values(), all);
}

TEST(SketchMerger, GivesADigestIfListsWouldBeLong) {
  const std::vector<uint32_t> all = lognormal(512, 7);
  SketchParts parts;
  parts.add_values(all);
  SketchMerger merger;
  merger.add(parts);
  const size_t list_bytes = parts.bytes().size();
  EXPECT_EQ(merger.take_parts(list_bytes).bytes(), parts.bytes());
  merger.add(parts);
  const SketchParts digest = merger.take_parts(list_bytes - 1);
  EXPECT_EQ(digest.bytes()[0], 'D');
  EXPECT_EQ(put_together(digest).count(), all.size());
}

TEST(SketchMerger, FoldsOnlyWhatIsBeyondTheBound) {
  SketchParts parts;
  parts.add_values(lognormal(400, 8));
  SketchMerger merger;
  merger.add(parts);
  merger.fold_beyond(400);
  EXPECT_EQ(merger.take_parts(8 << 10).bytes(), parts.bytes());
  merger.add(parts);
  merger.fold_beyond(399);
  EXPECT_TRUE(merger.take_values().empty());
  EXPECT_EQ(merger.take().count(), 400U);
}

// SPEC 3.1: rank error at most (0.02 q (1 - q) + 0.001) n + 1, here after as many rounds of compacting as a day of panes has.
TEST(SketchParts, CompactedAgainAndAgainQuantilesStayWithinThePromise) {
  const std::vector<uint32_t> all = lognormal(600'000, 2);
  std::vector<uint32_t> shuffled = all;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(3));
  SketchParts parts;
  for (size_t from = 0; from < shuffled.size(); from += 400) {
    std::vector<uint32_t> part(shuffled.begin() + static_cast<std::ptrdiff_t>(from),
                               shuffled.begin() + static_cast<std::ptrdiff_t>(from + 400));
    std::sort(part.begin(), part.end());
    parts.add_values(part);
    parts.compact_beyond(8 << 10);
    ASSERT_LE(parts.bytes().size(), size_t{16 << 10});
  }
  const TDigest digest = put_together(parts);
  ASSERT_EQ(digest.count(), all.size());
  for (const double q : {0.001, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999}) {
    const double n = static_cast<double>(all.size());
    const double value = digest.quantile(q);
    const auto below = static_cast<double>(std::upper_bound(all.begin(), all.end(), value) - all.begin());
    EXPECT_LE(std::abs(below - q * n), (0.02 * q * (1 - q) + 0.001) * n + 1) << q;
  }
}

TEST(SketchParts, WhatIsNotSoundIsRefused) {
  SketchParts sound;
  sound.add_values(std::vector<uint32_t>{1, 300, 70'000});
  TDigest digest;
  for (int i = 0; i < 200; ++i) digest.add(i);
  sound.add_digest(digest);
  ASSERT_TRUE(SketchParts::from_bytes(sound.bytes()));
  ASSERT_TRUE(SketchParts::from_bytes(""));
  int refused = 0;
  for (size_t length = 1; length < sound.bytes().size(); ++length) {
    refused += SketchParts::from_bytes(sound.bytes().substr(0, length)) ? 0 : 1;
  }
  EXPECT_EQ(refused, static_cast<int>(sound.bytes().size()) - 2);  // all but the one that ends behind the first part
  EXPECT_FALSE(SketchParts::from_bytes("X"));
  EXPECT_FALSE(SketchParts::from_bytes(std::string("V\0", 2)));                                 // no values
  EXPECT_FALSE(SketchParts::from_bytes(std::string("V\x81\x04", 3) + std::string(513, '\1')));  // too many
  EXPECT_FALSE(SketchParts::from_bytes("V\x01\xff\xff\xff\xff\x10"));                           // beyond 32 bits
  EXPECT_FALSE(SketchParts::from_bytes("V\x02\xff\xff\xff\xff\x0f\x01"));                       // the sum is
  EXPECT_FALSE(SketchParts::from_bytes("D\x05x"));
}

TEST(SketchParts, NoDamageReadsOutOfBounds) {
  SketchParts sound;
  sound.add_values(lognormal(400, 4));
  sound.add_digest(digest_of(lognormal(3'000, 5)));
  std::mt19937 random(6);
  int accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = sound.bytes();
    for (int i = 0; i < 2; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const std::optional<SketchParts> parts = SketchParts::from_bytes(bytes);
    if (!parts) continue;
    ++accepted;
    (void)put_together(*parts);
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace tocsin
