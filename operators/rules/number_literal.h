#pragma once

// Number literals of expressions: 12, 0.5, 2e-3, 2.5%, 300ms, 1h30m, 1.5s.

#include <string>
#include <string_view>

#include "operators/rules/rational.h"

namespace tocsin::rules {

struct NumberLiteral {
  Rational value;  // durations in milliseconds, 2% is 1/50
  bool has_unit = false;
  std::string error;  // not empty: the literal is broken, and this says how
};

// How many bytes from `begin` (a digit) on belong to a number literal, well formed or not.
size_t number_length(std::string_view text, size_t begin);

// The value of a whole literal.
NumberLiteral read_number(std::string_view literal);

}  // namespace tocsin::rules
