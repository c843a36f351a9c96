// Identity of alert instances: the vectors of SPEC 5.

#include <gtest/gtest.h>

#include "operators/alerts.h"

namespace tocsin {
namespace {

TEST(Fingerprint, OfARuleWithoutLabelsIsTheHashOfItsName) {
  EXPECT_EQ(format_fingerprint(fingerprint_of("A", {}, {})), "af63fc4c860222ec");
}

TEST(Fingerprint, OfARuleWithTwoLabels) {
  EXPECT_EQ(format_fingerprint(fingerprint_of("ChatErrorRateHigh", {"domain", "region"}, {"chat", "eu"})), "410367ec194379e1");
}

TEST(Fingerprint, EmptyLabelsDoNotCount) {
  EXPECT_EQ(fingerprint_of("A", {"domain", "region"}, {"", "eu"}), fingerprint_of("A", {"region"}, {"eu"}));
  EXPECT_EQ(fingerprint_of("A", {"domain", "region"}, {"", ""}), fingerprint_of("A", {}, {}));
}

TEST(Fingerprint, IsSixteenDigitsWithLeadingZeros) {
  EXPECT_EQ(format_fingerprint(0x1f), "000000000000001f");
  EXPECT_EQ(format_fingerprint(UINT64_MAX), "ffffffffffffffff");
}

}  // namespace
}  // namespace tocsin
