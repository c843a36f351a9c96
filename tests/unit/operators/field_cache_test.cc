#include "operators/field_cache.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "operators/mix.h"

namespace tocsin {
namespace {

using Fields = std::array<std::string_view, 2>;

uint32_t find(const FieldCache& cache, bool success, const Fields& fields) {
  return cache.find(cache.hash(success, fields.data()), success, fields.data());
}
void insert(FieldCache& cache, bool success, const Fields& fields, uint32_t series) {
  cache.insert(cache.hash(success, fields.data()), success, fields.data(), series);
}

TEST(FieldCache, FindsWhatWasInsertedAndNothingElse) {
  FieldCache cache(2, 1 << 20);
  insert(cache, true, {"chat", "eu"}, 1);
  insert(cache, false, {"chat", "eu"}, 2);
  insert(cache, true, {"cha", "teu"}, 3);
  insert(cache, true, {"", ""}, 4);
  EXPECT_EQ(find(cache, true, {"chat", "eu"}), 1U);
  EXPECT_EQ(find(cache, false, {"chat", "eu"}), 2U);
  EXPECT_EQ(find(cache, true, {"cha", "teu"}), 3U);
  EXPECT_EQ(find(cache, true, {"", ""}), 4U);
  EXPECT_EQ(find(cache, true, {"chat", "us"}), FieldCache::kNone);
  EXPECT_EQ(find(cache, false, {"", ""}), FieldCache::kNone);
}

TEST(FieldCache, KeepsAllWhileThereIsRoom) {
  FieldCache cache(2, 4 << 20);
  for (uint32_t i = 0; i < 20'000; ++i) insert(cache, true, {std::to_string(i), "eu"}, i);
  for (uint32_t i = 0; i < 20'000; ++i) EXPECT_EQ(find(cache, true, {std::to_string(i), "eu"}), i);
}

TEST(FieldCache, StartsAnewInsteadOfGrowingBeyondItsBytes) {
  constexpr size_t kBytes = 300'000;
  FieldCache cache(2, kBytes);
  for (uint32_t i = 0; i < 100'000; ++i) {
    const std::string value = std::to_string(i) + std::string(i % 100, 'x');
    insert(cache, true, {value, "eu"}, i);
    ASSERT_LE(cache.bytes(), kBytes);
    ASSERT_EQ(find(cache, true, {value, "eu"}), i);
  }
}

TEST(FieldCache, WhatWouldPushAllOthersOutIsNotKept) {
  FieldCache cache(2, 1 << 20);
  insert(cache, true, {"chat", "eu"}, 1);
  const std::string huge(size_t{1} << 19, 'x');
  insert(cache, true, {huge, "eu"}, 2);
  EXPECT_EQ(find(cache, true, {huge, "eu"}), FieldCache::kNone);
  EXPECT_EQ(find(cache, true, {"chat", "eu"}), 1U);
}

// Who could tell fingerprints beforehand could choose fields that all fall on one place of the table.
TEST(FieldCache, FingerprintsCannotBeForetold) {
  const FieldCache cache(2, 1 << 20);
  const Fields fields = {"chat", "eu"};
  uint64_t unseeded = mix::kMix;
  for (const std::string_view field : fields) unseeded = mix::hash_bytes(field, unseeded);
  EXPECT_NE(cache.hash(true, fields.data()), mix::fold(unseeded, mix::kMix));
  EXPECT_EQ(cache.hash(true, fields.data()), FieldCache(2, 1 << 20).hash(true, fields.data()));
}

}  // namespace
}  // namespace tocsin
