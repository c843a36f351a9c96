#pragma once

// Exact fractions for the constants of rules (SPEC 3.1: "folded in exact decimal fractions").
//
// What they are made of is Boost's, and three seconds of compiling for every file that sees it: big_integer.h has it for those few that
// take fractions apart.
//
// Thread: any; values that share what they hold, which never changes.

#include <compare>
#include <concepts>
#include <cstdint>
#include <memory>

namespace tocsin::rules {

class Rational {
 public:
  struct Value;  // big_integer.h

  Rational() = default;  // 0
  // Implicit, as in `quantile < 1`.
  template <std::signed_integral T>
  Rational(T whole) : Rational(static_cast<int64_t>(whole), int64_t{1}) {}
  template <std::unsigned_integral T>
  Rational(T whole) : Rational(of(static_cast<uint64_t>(whole))) {}
  Rational(int64_t numerator, int64_t denominator);  // denominator != 0
  explicit Rational(Value value);

  const Value& value() const;

  Rational operator-() const;
  Rational& operator+=(const Rational& other) { return *this = *this + other; }
  Rational& operator/=(const Rational& other) { return *this = *this / other; }
  friend Rational operator+(const Rational& left, const Rational& right);
  friend Rational operator-(const Rational& left, const Rational& right);
  friend Rational operator*(const Rational& left, const Rational& right);
  friend Rational operator/(const Rational& left, const Rational& right);  // right != 0
  friend std::strong_ordering operator<=>(const Rational& left, const Rational& right);
  friend bool operator==(const Rational& left, const Rational& right) { return (left <=> right) == 0; }

 private:
  static Rational of(uint64_t whole);

  std::shared_ptr<const Value> value_;  // null: 0
};

// The double nearest to x (ties to even); infinite beyond the range of doubles.
double to_double(const Rational& x);

}  // namespace tocsin::rules
