#include "operators/rules/rational.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "operators/rules/big_integer.h"

namespace tocsin::rules {
namespace {

constexpr int kMantissaBits = std::numeric_limits<double>::digits;                         // 53
constexpr int kLeastExponent = std::numeric_limits<double>::min_exponent - kMantissaBits;  // of the last bit of a subnormal: -1074
constexpr int kGreatestExponent = std::numeric_limits<double>::max_exponent;

// The whole number nearest to numerator / (denominator * 2^exponent), ties to even.
Integer divide_to_even(const Integer& numerator, const Integer& denominator, int exponent) {
  Integer dividend = numerator;
  Integer divisor = denominator;
  if (exponent > 0) {
    divisor <<= static_cast<unsigned>(exponent);
  } else {
    dividend <<= static_cast<unsigned>(-exponent);
  }
  Integer quotient = dividend / divisor;
  Integer twice_remainder = dividend % divisor;
  twice_remainder <<= 1;
  const int against_half = twice_remainder.compare(divisor);
  if (against_half > 0 || (against_half == 0 && bit_test(quotient, 0))) ++quotient;
  return quotient;
}

Rational rational(boost::multiprecision::cpp_rational fraction) { return Rational(Rational::Value{std::move(fraction)}); }

}  // namespace

Rational::Rational(int64_t numerator, int64_t denominator) : Rational(Value{{numerator, denominator}}) {}

Rational::Rational(Value value) : value_(std::make_shared<const Value>(std::move(value))) {}

Rational Rational::of(uint64_t whole) { return rational(whole); }

const Rational::Value& Rational::value() const {
  static const Value kZero;
  return value_ == nullptr ? kZero : *value_;
}

Rational Rational::operator-() const { return rational(-value().fraction); }
Rational operator+(const Rational& left, const Rational& right) { return rational(left.value().fraction + right.value().fraction); }
Rational operator-(const Rational& left, const Rational& right) { return rational(left.value().fraction - right.value().fraction); }
Rational operator*(const Rational& left, const Rational& right) { return rational(left.value().fraction * right.value().fraction); }
Rational operator/(const Rational& left, const Rational& right) { return rational(left.value().fraction / right.value().fraction); }

std::strong_ordering operator<=>(const Rational& left, const Rational& right) {
  return left.value().fraction.compare(right.value().fraction) <=> 0;
}

Integer numerator(const Rational& x) { return boost::multiprecision::numerator(x.value().fraction); }
Integer denominator(const Rational& x) { return boost::multiprecision::denominator(x.value().fraction); }
Rational fraction(const Integer& numerator, const Integer& denominator) { return rational({numerator, denominator}); }

Integer floor(const Rational& x) {
  const Integer top = numerator(x);
  const Integer bottom = denominator(x);
  Integer quotient = top / bottom;  // rounds towards zero
  if (top < 0 && top % bottom != 0) --quotient;
  return quotient;
}

double to_double(const Rational& x) {
  if (x == 0) return 0;
  const bool negative = x < 0;
  const Integer top = abs(numerator(x));
  const Integer bottom = denominator(x);
  // With this exponent the quotient has 53 or 54 bits.
  int exponent = static_cast<int>(msb(top)) - static_cast<int>(msb(bottom)) - kMantissaBits;
  if (exponent > kGreatestExponent) return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  if (exponent < kLeastExponent - 2 * kMantissaBits) return negative ? -0.0 : 0.0;
  // Rounded once only: the exponent is settled by the truncated quotient, before any rounding.
  Integer truncated = exponent > 0 ? Integer(top / (bottom << static_cast<unsigned>(exponent)))
                                   : Integer((top << static_cast<unsigned>(-exponent)) / bottom);
  while (msb(truncated) + 1 > static_cast<unsigned>(kMantissaBits)) {
    truncated >>= 1;
    ++exponent;
  }
  if (exponent < kLeastExponent) exponent = kLeastExponent;
  const Integer mantissa = divide_to_even(top, bottom, exponent);
  const double magnitude = std::ldexp(static_cast<double>(static_cast<uint64_t>(mantissa)), exponent);  // exact, or infinite
  return negative ? -magnitude : magnitude;
}

Rational scaled(const Integer& coefficient, int exponent) {
  const Integer power = boost::multiprecision::pow(Integer(10), static_cast<unsigned>(exponent < 0 ? -exponent : exponent));
  return exponent < 0 ? fraction(coefficient, power) : fraction(coefficient * power);
}

}  // namespace tocsin::rules
