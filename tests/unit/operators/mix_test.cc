#include "operators/mix.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace tocsin {
namespace {

const std::string kText = "payments-eu-west-1 \x80\xff!";

TEST(Mix, LoadsTheFirstBytesAsTheLowOnesOfAWord) {
  for (size_t at = 0; at + 8 <= kText.size(); ++at) {
    for (size_t n = 1; n <= 8; ++n) {
      uint64_t expected = 0;
      std::memcpy(&expected, kText.data() + at, n);
      EXPECT_EQ(mix::load(kText.data() + at, n), expected) << n << " bytes at " << at;
    }
  }
}

TEST(Mix, FindsEachByteThatDiffers) {
  for (size_t n = 0; n <= kText.size(); ++n) {
    EXPECT_TRUE(mix::same_bytes(kText.data(), std::string(kText).data(), n));
    for (size_t at = 0; at < n; ++at) {
      std::string other = kText;
      other[at] = static_cast<char>(other[at] ^ 1);
      EXPECT_FALSE(mix::same_bytes(kText.data(), other.data(), n)) << "byte " << at << " of " << n;
    }
  }
}

}  // namespace
}  // namespace tocsin
