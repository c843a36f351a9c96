#pragma once

// What is wrong with an expression that parses: types, windows, regular expressions, comparisons that can never or must always hold.

#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/report.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {

// Which of a rule's expressions: a ratio's comparison that is always true is an error in `expr` (the rule would never fire or never end),
// and only a warning in `resolve`, where it still tells a window with events from one without.
enum class Role { kExpr, kResolve };

void check_expression(const Expr& expr, Role role, const LoadOptions& options, Report& report);

// Reports matchers whose regular expression RE2 does not take; `position` is where the messages point.
void check_matchers(const std::vector<Matcher>& matchers, Position position, Report& report);
void check_predicate(const Predicate& predicate, Position position, Report& report);

// Why matchers and `by` cannot name `label`, or "": a field that is neither text nor enum, which no label of that name may hide.
std::string label_name_error(std::string_view label);

// Why `pattern` is no regular expression, or "".
std::string pattern_error(const std::string& pattern);

// Whether the matcher lets a label of that text pass; its regular expression is sound.
bool passes(const Matcher& matcher, const std::string& text);

}  // namespace tocsin::rules
