#include "operators/rules/rational.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "operators/rules/big_integer.h"
#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

// Exactly, unlike the library's own conversion of some versions.
Rational exact(double x) {
  int exponent = 0;
  const auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(x, &exponent), 53));
  exponent -= 53;
  const Integer power = Integer(1) << static_cast<unsigned>(std::abs(exponent));
  return exponent < 0 ? fraction(mantissa, power) : fraction(Integer(mantissa) * power);
}

TEST(Rational, FloorRoundsDownBelowZeroToo) {
  EXPECT_EQ(floor(Rational(7, 2)), 3);
  EXPECT_EQ(floor(Rational(-7, 2)), -4);
  EXPECT_EQ(floor(Rational(-4)), -4);
  EXPECT_EQ(floor(Rational(0)), 0);
}

TEST(Rational, ToDoubleGivesTheNearestOne) {
  EXPECT_EQ(to_double(Rational(1, 10)), 0.1);
  EXPECT_EQ(to_double(Rational(-1, 3)), -1.0 / 3);
  EXPECT_EQ(to_double(Rational(0)), 0);
  EXPECT_EQ(to_double(scaled(Integer(123456789), -9)), 0.123456789);
}

TEST(Rational, ToDoubleBreaksTiesToEven) {
  const Integer two53 = Integer(1) << 53U;
  EXPECT_EQ(to_double(fraction(two53 + 1)), 9007199254740992.0);
  EXPECT_EQ(to_double(fraction(two53 + 3)), 9007199254740996.0);
  EXPECT_EQ(to_double(fraction(two53 * 2 + 3)), 18014398509481988.0);
  EXPECT_EQ(to_double(fraction(two53 * 2 + 1)), 18014398509481984.0);
}

TEST(Rational, ToDoubleHandlesTheEndsOfTheRange) {
  EXPECT_EQ(to_double(exact(std::numeric_limits<double>::max())), std::numeric_limits<double>::max());
  EXPECT_EQ(to_double(scaled(Integer(1), 400)), std::numeric_limits<double>::infinity());
  EXPECT_EQ(to_double(scaled(Integer(-1), 309)), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(to_double(exact(std::numeric_limits<double>::denorm_min())), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(to_double(exact(std::numeric_limits<double>::denorm_min()) / 2), 0);  // a tie, to even
  EXPECT_EQ(to_double(exact(std::numeric_limits<double>::denorm_min()) * 2 / 3), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(to_double(scaled(Integer(1), -400)), 0);
}

TEST(Rational, EveryDoubleComesBackAndRoundingIsSymmetric) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 5'000; ++i) {
    const double x = std::bit_cast<double>(random());
    if (!std::isfinite(x)) continue;
    ASSERT_EQ(to_double(exact(x)), x);
    const double next = std::nextafter(x, std::numeric_limits<double>::infinity());
    if (!std::isfinite(next)) continue;
    const Rational gap = exact(next) - exact(x);
    ASSERT_EQ(to_double(exact(x) + gap * 49 / 100), x);
    ASSERT_EQ(to_double(exact(x) + gap * 51 / 100), next);
  }
}

TEST(Rational, PrintsDecimalsExactly) {
  EXPECT_EQ(to_string(Rational(1, 40)), "0.025");
  EXPECT_EQ(to_string(Rational(-5, 2)), "-2.5");
  EXPECT_EQ(to_string(Rational(1200)), "1200");
  EXPECT_EQ(to_string(Rational(1, 3)), "1/3");
  EXPECT_EQ(to_string(Rational(7, 1000)), "0.007");
}

}  // namespace
}  // namespace tocsin::rules
