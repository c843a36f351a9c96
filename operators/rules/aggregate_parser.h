#pragma once

// Aggregates: name ["(" argument ")"] ["{" matchers "}"] "[" window "]" ["offset" duration], from a token stream.

#include <optional>

#include "operators/rules/ast.h"
#include "operators/rules/token_stream.h"

namespace tocsin::rules {

// Returns nothing after noting a failure in the stream, which stands at a name.
std::optional<Aggregate> read_aggregate(TokenStream& tokens);

}  // namespace tocsin::rules
