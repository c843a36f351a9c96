#pragma once

// Matchers and event predicates, from a token stream. Each returns nothing after noting a failure in the stream.

#include <optional>
#include <vector>

#include "operators/rules/ast.h"
#include "operators/rules/token_stream.h"

namespace tocsin::rules {

// "{" [ name op string { "," name op string } [","] ] "}"
std::optional<std::vector<Matcher>> read_matchers(TokenStream& tokens);

// or := and { "or" and };  and := not { "and" not };  not := "not" not | test
// test := "success" | "latency" op number | number op "latency" | the same with "value" | matchers | "(" or ")"
std::optional<Predicate> read_predicate(TokenStream& tokens);

// A comparison operator, if one stands here; it is taken.
std::optional<CompareOp> accept_compare_op(TokenStream& tokens);

}  // namespace tocsin::rules
