#pragma once

// What rule files may say (SPEC 3) but this version of the engine does not evaluate yet. It is refused by name, never ignored: a rule that
// silently did something else would be worse than none. The list in unsupported.cc is the only place that knows; it gets shorter.

#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/ast.h"

namespace tocsin::rules {

struct UnsupportedPart {
  Position position;
  std::string message;  // "'distinct' is not supported by this version of tocsin yet; …"
};

// The aggregates and offsets of `expr` that are not evaluated yet.
std::vector<UnsupportedPart> unsupported_parts(const Expr& expr);

// The keys of a rule that are not obeyed yet.
const std::vector<std::string_view>& unsupported_rule_keys();
std::string unsupported_rule_key_message(std::string_view key);

// Empty if SLOs are supported.
std::string unsupported_slos_message();

}  // namespace tocsin::rules
