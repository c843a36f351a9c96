#pragma once

// Splits the text of an expression into tokens.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/rational.h"

namespace tocsin::rules {

struct Token {
  enum class Kind { kEnd, kNumber, kName, kString, kSymbol, kBroken };
  Kind kind = Kind::kEnd;
  size_t offset = 0;      // byte of the text where it begins
  std::string_view text;  // as written; of kString with its quotes
  std::string value;      // kString: decoded; kBroken: what is wrong
  Rational number;        // kNumber: with its unit (milliseconds) or its % taken in
  bool has_unit = false;  // kNumber: a duration
};

// What names are made of.
constexpr bool is_name_start(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
constexpr bool is_name_byte(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '.'; }

// The tokens of `text` (UTF-8), the last one of kind kEnd. What is no token becomes a kBroken one and ends the list before kEnd, so that
// the parser reports the first mistake in the order of the text. Token texts are views into `text`.
std::vector<Token> tokenize(std::string_view text);

}  // namespace tocsin::rules
