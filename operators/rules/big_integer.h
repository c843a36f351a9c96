#pragma once

// Whole numbers of any size, and what fractions are made of them.
//
// Thread: any; all functions are pure.

#include <boost/multiprecision/cpp_int.hpp>

#include "operators/rules/rational.h"

namespace tocsin::rules {

using Integer = boost::multiprecision::cpp_int;

struct Rational::Value {
  boost::multiprecision::cpp_rational fraction;
};

// In lowest terms; the denominator is positive.
Integer numerator(const Rational& x);
Integer denominator(const Rational& x);
// The greatest integer <= x.
Integer floor(const Rational& x);
Rational fraction(const Integer& numerator, const Integer& denominator = 1);  // denominator != 0
// `coefficient` times 10^exponent; |exponent| is the caller's to bound.
Rational scaled(const Integer& coefficient, int exponent);

}  // namespace tocsin::rules
