#pragma once

// Exact fractions for the constants of rules (SPEC 3.1: "folded in exact decimal fractions").

#include <boost/multiprecision/cpp_int.hpp>

namespace tocsin::rules {

using Integer = boost::multiprecision::cpp_int;
using Rational = boost::multiprecision::cpp_rational;

// The greatest integer <= x.
Integer floor(const Rational& x);
// The double nearest to x (ties to even); infinite beyond the range of doubles.
double to_double(const Rational& x);
// `coefficient` times 10^exponent; |exponent| is the caller's to bound.
Rational scaled(const Integer& coefficient, int exponent);

}  // namespace tocsin::rules
