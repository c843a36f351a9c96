#include "engine/base/log_limiter.h"

#include <gtest/gtest.h>

#include <string>

namespace tocsin {
namespace {

TEST(LogLimiter, TheSameIsSaidOnceInAWhile) {
  LogLimiter limiter;
  EXPECT_EQ(limiter.admit("k", Duration{0}), 0);
  EXPECT_EQ(limiter.admit("k", Duration{1'000}), std::nullopt);
  EXPECT_EQ(limiter.admit("k", Duration{29'999}), std::nullopt);
  EXPECT_EQ(limiter.admit("other", Duration{29'999}), 0);
  EXPECT_EQ(limiter.admit("k", Duration{30'000}), 2);
  EXPECT_EQ(limiter.admit("k", Duration{60'000}), 0);
}

TEST(LogLimiter, BeyondSoManyKeysOlderOnesAreForgotten) {
  LogLimiter limiter;
  for (size_t i = 0; i < LogLimiter::kKeysMax; ++i) EXPECT_EQ(limiter.admit(std::to_string(i), Duration{0}), 0);
  EXPECT_EQ(limiter.admit("0", Duration{0}), std::nullopt);
  EXPECT_EQ(limiter.admit("one more", Duration{0}), 0);
  EXPECT_EQ(limiter.admit("0", Duration{0}), 0);
}

TEST(LogLimiter, ALineWithoutAKeyIsNeverHeldBack) {
  LogLimiter limiter;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.admit("", Duration{0}), 0);
}

}  // namespace
}  // namespace tocsin
