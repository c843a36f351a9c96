#pragma once

// Reads incidents as people write them, in YAML:
//
//   - {at: 20s, for: 15s, domain: wallet, error_rate: 60%}
//   - {at: 1m, for: 30s, domain: chat, region: eu, latency_factor: 16}
//   - {at: 2m, for: 20s, domain: api, silence: true}
//
// Thread:  pure functions.
// Failure: kInvalidArgument with a line "file:line:column: what is wrong" for each mistake.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/loadgen/options.h"

namespace tocsin::loadgen {

// A list of incidents, or one alone. `file` stands in messages.
Result<std::vector<Incident>> parse_incidents(std::string_view text, const std::string& file);

// "60%" or "0.6": a share from 0 to 1.
std::optional<double> parse_share(std::string_view text);

// A finite decimal number, such as "16" or "0.5"; nothing else around it.
std::optional<double> parse_number(std::string_view text);

}  // namespace tocsin::loadgen
