#pragma once

// The expression language of rules (SPEC 3.1): text to tree.
//
//   or      := and { "or" and }                       compare := sum [ ("<"|"<="|">"|">="|"=="|"!=") sum ]
//   and     := not { "and" not }                      sum     := product { ("+"|"-") product }
//   not     := "not" not | compare                    product := unary { ("*"|"/") unary }
//   unary   := "-" unary | number | "(" or ")" | aggregate
//
// A recursive descent over a token list. Hostile text cannot exhaust anything: length, nesting, size of the tree and digits of numbers
// are bounded, so everything that walks a tree may recurse.
//
// Thread:  any.
// Failure: the first mistake, with its position and what was expected instead.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/check.h"
#include "operators/rules/ast.h"

namespace tocsin::rules {

inline constexpr size_t kMaxExpressionBytes = 32 * 1024;
inline constexpr int kMaxNesting = 100;       // parentheses, not, unary minus
inline constexpr int kMaxTreeNodes = 1000;    // of one expression, its predicates included
inline constexpr int kMaxNumberDigits = 400;  // of one literal as written, and its greatest |exponent|

struct ParseError {
  Position position;
  std::string message;  // "expected a window such as [5m], found the end of the expression"
};

// A tree, or why the text is none.
template <typename T>
class [[nodiscard]] Parsed {
 public:
  Parsed(T value) : content_(std::move(value)) {}           // NOLINT(google-explicit-constructor)
  Parsed(ParseError error) : content_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(content_); }
  const T& value() const& {
    TOCSIN_CHECK(ok(), error_text());
    return std::get<T>(content_);
  }
  T&& value() && {
    TOCSIN_CHECK(ok(), error_text());
    return std::get<T>(std::move(content_));
  }
  const ParseError& error() const { return std::get<ParseError>(content_); }

 private:
  std::string_view error_text() const { return ok() ? std::string_view() : std::string_view(error().message); }

  std::variant<T, ParseError> content_;
};

// Where byte `offset` of the text stands; positions of trees and errors come from it. The default is the position inside the text,
// columns counted in code points.
using Locate = std::function<Position(size_t offset)>;

Parsed<Expr> parse_expression(std::string_view text, const Locate& locate = nullptr);
// An event predicate: the argument of count(...) and share(...), `good` of an SLO.
Parsed<Predicate> parse_predicate(std::string_view text, const Locate& locate = nullptr);
// Matchers in braces: `select` of an SLO.
Parsed<std::vector<Matcher>> parse_selector(std::string_view text, const Locate& locate = nullptr);

}  // namespace tocsin::rules
