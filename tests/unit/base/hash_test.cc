#include "engine/base/hash.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(Hash, MatchesThePublishedVectorsOfFnv1a) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8U);
}

TEST(Hash, FingerprintsOfTheSpecificationComeOut) {
  EXPECT_EQ(fmt::format("{:016x}", fnv1a("A")), "af63fc4c860222ec");
  EXPECT_EQ(fmt::format("{:016x}", fnv1a("ChatErrorRateHigh\xff"
                                         "domain\xff"
                                         "chat\xff"
                                         "region\xff"
                                         "eu")),
            "410367ec194379e1");
}

TEST(Hash, GoesOnFromAState) {
  static_assert(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));
  EXPECT_NE(fnv1a("foo", fnv1a("bar")), fnv1a("foobar"));
}

TEST(Hash, BytesAbove127CountAsUnsigned) { EXPECT_EQ(fnv1a("\xff"), (kFnvOffsetBasis ^ 0xff) * kFnvPrime); }

}  // namespace
}  // namespace tocsin
