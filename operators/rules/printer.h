#pragma once

// The canonical text of expressions. Two texts that parse to the same tree have the same canonical text, and parsing it again gives
// that tree: this is how a changed rule is told from one that was only written differently (SPEC 4.7), and what content hashes are of.
//
// Canonical: numbers are decimal, durations in numbers are milliseconds, windows are as format_duration() writes them, p99 is
// quantile(0.99), matchers stay in the order written, parentheses stand wherever an operator is an operand.

#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/ast.h"

namespace tocsin::rules {

std::string_view to_string(CompareOp op);        // "<="
std::string_view to_string(ArithmeticOp op);     // "+"
std::string_view to_string(Matcher::Op op);      // "=~"
std::string_view to_string(AggregateKind kind);  // as rules write it: "error_rate"; "count" for kCountIf too

// Exact: a decimal fraction if the number is one ("0.025"), else "1/3".
std::string to_string(const Rational& number);
std::string to_string(const Matcher& matcher);                // domain="chat"
std::string to_string(const std::vector<Matcher>& matchers);  // {domain="chat",region=~"eu.*"}; "{}" if there are none
std::string to_string(const Predicate& predicate);
std::string to_string(const Aggregate& aggregate);
std::string to_string(const Expr& expr);

// A name as rules write it: bare if the grammar allows that, else quoted.
std::string quoted_name(std::string_view name);
// A string literal, in double quotes.
std::string quote(std::string_view text);

}  // namespace tocsin::rules
