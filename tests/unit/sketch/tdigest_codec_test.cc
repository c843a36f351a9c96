#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "operators/sketch/tdigest.h"
#include "tests/unit/sketch/encoded.h"

namespace tocsin {
namespace {

TDigest digest_of(size_t count, uint64_t max_weight, bool whole, uint64_t seed) {
  std::mt19937_64 random(seed);
  TDigest digest;
  for (size_t i = 0; i < count; ++i) {
    const double value = std::exp(std::normal_distribution<double>(8, 1)(random));
    digest.add(whole ? std::floor(value) : value - 1000, 1 + random() % max_weight);
  }
  return digest;
}

std::vector<TDigest> samples() {
  std::vector<TDigest> result;
  for (const size_t count : {0U, 1U, 2U, 10U, 64U, 65U, 500U, 5000U, 50'000U}) {
    for (const uint64_t max_weight : {uint64_t{1}, uint64_t{5}, uint64_t{1} << 40}) {
      for (const bool whole : {true, false}) result.push_back(digest_of(count, max_weight, whole, count + max_weight));
    }
  }
  return result;
}

// What must hold of anything that decode() lets through.
void expect_sound(const TDigest& digest) {
  ASSERT_LT(digest.count(), TDigest::kMaxCount);
  ASSERT_LE(digest.min(), digest.max());
  double last = digest.min();
  for (int i = 0; i <= 100; ++i) {
    const double value = digest.quantile(i / 100.0);
    ASSERT_TRUE(std::isfinite(value));
    ASSERT_GE(value, last);
    ASSERT_LE(value, digest.max());
    last = value;
  }
  if (!digest.is_raw()) return;
  uint64_t sum = 0;
  for (const Mark& mark : digest.clusters().marks) sum += mark.weight;
  ASSERT_EQ(sum, digest.count());
}

TEST(TDigestCodec, WhatIsWrittenIsReadBack) {
  for (const TDigest& digest : samples()) {
    const std::string bytes = encoded(digest);
    const std::optional<TDigest> read = TDigest::decode(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(encoded(*read), bytes);
    EXPECT_EQ(read->count(), digest.count());
    EXPECT_EQ(read->min(), digest.min());
    EXPECT_EQ(read->max(), digest.max());
    EXPECT_EQ(read->is_raw(), digest.is_raw());
    expect_sound(*read);
  }
}

TEST(TDigestCodec, RawMarksAreReadBackExactly) {
  const TDigest digest = digest_of(64, 1000, false, 7);
  const std::optional<TDigest> read = TDigest::decode(encoded(digest));
  ASSERT_TRUE(read && read->is_raw());
  EXPECT_TRUE(read->clusters() == digest.clusters());
}

TEST(TDigestCodec, KnownBytes) {
  TDigest digest;
  digest.add(300);
  digest.add(5, 4);
  EXPECT_EQ(encoded(digest), std::string("\x01\x02\x05\x01\x02\xa7\x02\x00", 8));
}

TEST(TDigestCodec, AppendsToWhatIsThere) {
  const TDigest digest = digest_of(10, 1, true, 8);
  std::string bytes = "before";
  digest.encode(bytes);
  EXPECT_EQ(bytes, "before" + encoded(digest));
}

TEST(TDigestCodec, EveryTruncationAndEveryExtraByteIsRefused) {
  for (const TDigest& digest : samples()) {
    const std::string bytes = encoded(digest);
    for (size_t size = 0; size < bytes.size(); ++size) ASSERT_FALSE(TDigest::decode(std::string_view(bytes).substr(0, size))) << size;
    EXPECT_FALSE(TDigest::decode(bytes + '\0'));
  }
}

TEST(TDigestCodec, WhatCorruptionLeavesReadableIsSoundAndHasNoOtherEncoding) {
  std::mt19937_64 random(9);
  size_t read_anyway = 0;
  for (const TDigest& digest : samples()) {
    const std::string bytes = encoded(digest);
    for (int i = 0; i < 300; ++i) {
      std::string broken = bytes;
      for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
        char& byte = broken[random() % broken.size()];
        byte = static_cast<char>(random() % 2 == 0 ? random() : static_cast<uint64_t>(byte) ^ (1U << random() % 8));
      }
      const std::optional<TDigest> read = TDigest::decode(broken);
      if (!read) continue;
      ++read_anyway;
      ASSERT_NO_FATAL_FAILURE(expect_sound(*read));
      ASSERT_EQ(encoded(*read), broken);
      TDigest sum = *read;
      sum.merge(digest);
      ASSERT_EQ(sum.count(), read->count() + digest.count());
    }
  }
  EXPECT_GT(read_anyway, 100U);
}

TEST(TDigestCodec, NoiseIsRefusedOrSound) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 200'000; ++i) {
    std::string noise(random() % 40, '\0');
    for (char& byte : noise) byte = static_cast<char>(random() % 3 == 0 ? random() : random() % 4);
    const std::optional<TDigest> read = TDigest::decode(noise);
    if (!read) continue;
    ASSERT_NO_FATAL_FAILURE(expect_sound(*read));
    ASSERT_EQ(encoded(*read), noise);
  }
}

TEST(TDigestCodec, WhatEncodeNeverWritesIsRefused) {
  using namespace std::string_literals;
  const std::pair<const char*, std::string> cases[] = {
      {"no kind of values", "\x02\x00"s},
      {"more marks than bytes", "\x01\xff\xff\xff\xff\x7f"s},
      {"the size in a long form", "\x01\x81\x00\x05\x00"s},
      {"a gap before the first mark", "\x01\x01\x05\x02"s},
      {"the same value twice", "\x01\x02\x05\x00\x00\x00"s},
      {"a value above 2^53", "\x01\x01\x81\x80\x80\x80\x80\x80\x80\x10\x00"s},
      {"whole values as doubles", "\x00\x01\x00\x00\x00\x00\x00\x00\xf0\x3f\x00"s},
      {"an infinite value", "\x00\x01\x00\x00\x00\x00\x00\x00\xf0\x7f\x00"s},
      {"a value that is not a number", "\x00\x01\x00\x00\x00\x00\x00\x00\xf8\x7f\x00"s},
      {"minus zero", "\x00\x01\x00\x00\x00\x00\x00\x00\x00\x80\x00"s},
      {"weights beyond 2^62", "\x01\x02\x05\x01\xff\xff\xff\xff\xff\xff\xff\xff\x1f\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x1f"s},
      {"a varint of 65 bits", "\x01\x01\x05\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s},
  };
  for (const auto& [what, bytes] : cases) EXPECT_FALSE(TDigest::decode(bytes)) << what;
}

TEST(TDigestCodec, AnUnthinnedListIsRefused) {
  std::string bytes = "\x01";
  bytes += "\xe8\x07";  // 1000 marks
  for (int i = 0; i < 1000; ++i) bytes += std::string("\x01\x00", 2);
  ASSERT_FALSE(TDigest::decode(bytes));
}

}  // namespace
}  // namespace tocsin
